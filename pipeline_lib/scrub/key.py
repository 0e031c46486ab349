"""The key of the pseudonyms: from the environment, from a private file, or made on first use in the demo.

A plain hash of a phone number is no protection: all Chinese mobile numbers can be hashed in an afternoon on one core.
With HMAC and a secret key (RFC 2104) they cannot be tried without the key. So there is no default key: a run without
one stops. Who holds the key can link pseudonyms to people; keep it apart from the artifacts. A new key means new
pseudonyms: `key_id` enters the fingerprints, so that no data set mixes two keys.

A key travels to no worker: a work holds its id, and the key is found again where the work is done. Nor does it stand in
the environment of any process but the command that was started with it: `hand_on` leaves the others a file in memory.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.leaving import at_the_end
from pipeline_lib.store.files import OWNER_ONLY, make_private

KEY_VARIABLE = "NIGHTSHIFT_SCRUB_KEY"
KEY_FILE_VARIABLE = "NIGHTSHIFT_SCRUB_KEY_FILE"
MIN_KEY_BYTES = 32
MIN_DISTINCT_BYTES = 16  # 32 random bytes have 30 distinct ones; fewer than 16 comes with probability < 1e-15
ADVICE = "Make one with: openssl rand -hex 32"

_handed_on: set[str] = set()  # files that end with this process


@dataclass(frozen=True)
class ScrubKey:
    """A secret of at least 32 bytes that never shows itself."""

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """8 hexadecimal characters that name the key and tell nothing about it."""
        return self.digest(b"key id").hex()[:8]

    def digest(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of a message, 32 bytes."""
        return hmac.new(self.secret, message, hashlib.sha256).digest()

    def __reduce__(self) -> NoReturn:
        raise TypeError("A scrub key is not pickled: hand on its id. Please report it.")


def demo_key_path(workspace: Path) -> Path:
    """Where the demo keeps the key that it made."""
    return workspace / "keys" / "scrub.key"


def load_key(environment: Mapping[str, str], key_file: Path | None, demo_key_path: Path | None) -> ScrubKey:
    """The key of this run: the environment first, then `key_file`, then the demo's own.

    `demo_key_path` is given by the demo configuration only; a key is made there on first use.
    Raises `SettingsError` when there is no key, or one that is weak, unreadable or readable for others.
    """
    if text := environment.get(KEY_VARIABLE):
        return _parsed(text, f"environment variable {KEY_VARIABLE}")
    if key_file is not None:
        return _from_file(key_file)
    if demo_key_path is not None:
        make_private(demo_key_path, secrets.token_hex(MIN_KEY_BYTES) + "\n")
        return _from_file(demo_key_path)
    raise SettingsError(
        f"scrub: there is no key for pseudonyms. Set {KEY_VARIABLE} to 32 random bytes in hex or base64, or name a key "
        f"file with mode 0600. {ADVICE}"
    )


def find_key(key_id: str, environment: Mapping[str, str], workspace: Path) -> ScrubKey:
    """The key of that id, where a work is done: in the environment, in the key file named there, or the demo's own.

    Raises `SettingsError` when none of them is that key.
    """
    for key in _keys_at_hand(environment, workspace):
        if key.key_id == key_id:
            return key
    raise SettingsError(
        f"scrub: the key {key_id}, with which this night was planned, is not at hand. Set {KEY_VARIABLE} or "
        f"{KEY_FILE_VARIABLE} to it where the night works, or run again with the key that is there."
    )


def hand_on(environment: MutableMapping[str, str]) -> None:
    """Take the key out of the environment that children of this process get, and name them a file of it instead.

    The file is readable for this user alone and ends with this process: it lies in memory (Linux; elsewhere in a file
    that is removed at the end). Servers, trackers and trainings, which need no key, are thus not given one. What is no
    key stays where it is, for `load_key` to say so.
    """
    text = environment.get(KEY_VARIABLE, "")
    try:
        _parsed(text, KEY_VARIABLE)
    except SettingsError:
        return
    del environment[KEY_VARIABLE]
    environment[KEY_FILE_VARIABLE] = _in_memory(text) if sys.platform == "linux" else _until_the_end(text)
    _handed_on.add(environment[KEY_FILE_VARIABLE])


def lasting_key_file(environment: Mapping[str, str]) -> Path | None:
    """The key file that the user has named; None where there is none but that of `hand_on`, which ends with us."""
    name = environment.get(KEY_FILE_VARIABLE)
    return Path(name) if name and name not in _handed_on else None


def _in_memory(text: str) -> str:
    descriptor = os.memfd_create("nightshift-scrub-key", 0)  # it outlives an exec of this process
    os.fchmod(descriptor, OWNER_ONLY)
    os.write(descriptor, text.encode())
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _until_the_end(text: str) -> str:
    descriptor, name = tempfile.mkstemp(prefix="nightshift-")
    at_the_end(partial(Path(name).unlink, missing_ok=True))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return name


def _keys_at_hand(environment: Mapping[str, str], workspace: Path) -> Iterator[ScrubKey]:
    if text := environment.get(KEY_VARIABLE):
        yield _parsed(text, f"environment variable {KEY_VARIABLE}")
    if name := environment.get(KEY_FILE_VARIABLE):
        yield _from_file(Path(name))
    if (path := demo_key_path(workspace)).is_file():
        yield _from_file(path)


def _from_file(path: Path) -> ScrubKey:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: the key file cannot be read as text. {ADVICE} > {path}") from exc
    if mode & 0o077:
        raise SettingsError(f"{path}: others may read the key file (mode {mode & 0o777:04o}). Run: chmod 600 {path}")
    return _parsed(text, str(path))


def _parsed(text: str, place: str) -> ScrubKey:
    secret = _decoded("".join(text.split()))
    if len(secret) < MIN_KEY_BYTES:
        raise SettingsError(f"{place}: the key is not hex or base64 of at least {MIN_KEY_BYTES} bytes. {ADVICE}")
    if len(set(secret)) < MIN_DISTINCT_BYTES:
        raise SettingsError(f"{place}: the key is not random ({len(set(secret))} different bytes). {ADVICE}")
    return ScrubKey(secret)


def _decoded(text: str) -> bytes:
    """The bytes of a hex or base64 text (hex where both would do); nothing when it is neither."""
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return b""
