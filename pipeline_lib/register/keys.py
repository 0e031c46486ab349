"""The keys of a workspace: its own, which it makes at first need and signs with, and those of others that it trusts.

keys/signing.key    private, PEM without a password, for its owner's eyes alone
keys/signing.pub    public: others name it, or its `sha256sum`, in their register.trusted_keys
"""

import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.register.signature import NoKey, PublicKey, public_key, public_of
from pipeline_lib.store.files import OWNER_ONLY, make_private, put_aside, translate_os_error, write_atomically
from pipeline_lib.store.private import OTHERS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

PRIVATE_FILE = "signing.key"
PUBLIC_FILE = "signing.pub"
FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})")

logger = logging.getLogger(__name__)


def own_key(folder: Path, *, had_one: bool) -> "EllipticCurvePrivateKey":
    """The key that this workspace signs with; made where there is none, which is told where it `had_one`."""
    path = folder / PRIVATE_FILE
    key = _read(path)
    if key is None:
        aside = f" (what stood there is kept as {put_aside(path).name})" if path.is_symlink() or path.exists() else ""
        make_private(path, _new_key())
        key = _read(path)
        assert key is not None, "made just now"
        if had_one or aside:
            logger.warning(
                "%s: the key that models are signed with is lost%s; a new one signs from now on, and what the old one "
                "has signed here stays accepted here. Whoever trusts the old one by name has to be told",
                path,
                aside,
            )
    _show(folder / PUBLIC_FILE, public_of(key).pem.encode())
    return key


def own_public(folder: Path) -> PublicKey | None:
    """The public part of our key; None where there is no key yet. The private one decides, where it is there."""
    key = _read(folder / PRIVATE_FILE)
    return None if key is None else public_of(key)


def trusted(keys: Iterable[str]) -> frozenset[str]:
    """The fingerprints of `register.trusted_keys`. Raises `SettingsError` for what is not one of these."""
    return frozenset(_fingerprint(key) for key in keys)


def _fingerprint(named: str) -> str:
    if found := FINGERPRINT.fullmatch(named.strip()):
        return found[1]
    try:
        is_key = "-----" in named
        return public_key(named if is_key else Path(named).expanduser().read_text(encoding="ascii")).fingerprint
    except (NoKey, OSError, ValueError) as exc:
        shown = "a key in it" if is_key else named
        raise SettingsError(
            f"register.trusted_keys: {shown} is no public key (PEM, of an elliptic curve), no file of one, and no "
            "SHA-256 of one. Another workspace has its own in keys/signing.pub; name that file, or its sha256sum."
        ) from exc


def _show(path: Path, text: bytes) -> None:
    """Have the public key in its file."""
    if not path.is_file() or path.read_bytes() != text:
        write_atomically(path, text)


def _read(path: Path) -> "EllipticCurvePrivateKey | None":
    """The private key in a file, which is closed to others; None where there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        text = path.read_bytes()
        _close(path)
    except (FileNotFoundError, IsADirectoryError):
        return None
    except OSError as exc:
        raise translate_os_error(exc, path) from exc
    try:
        key = load_pem_private_key(text, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        return None
    return key if isinstance(key, EllipticCurvePrivateKey) else None


def _close(path: Path) -> None:
    """Take the rights on a key from others, and say so."""
    mode = path.stat().st_mode & 0o777
    if not mode & OTHERS:
        return
    with suppress(OSError):
        path.chmod(OWNER_ONLY)
    is_closed = not path.stat().st_mode & OTHERS
    now = "now only its owner can" if is_closed else "and its rights cannot be changed here"
    logger.warning(
        "%s: others could read the key that models are signed with (mode %04o), %s. If somebody may have done so, move "
        "the file away: the next night makes a new one",
        path,
        mode,
        now,
    )


def _new_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
