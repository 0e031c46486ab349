"""What a workspace has forgotten: tombstones that name nothing, and the key by which they are recognized.

    state/forgotten.json     a tombstone a document: keyed hashes of its place and of its versions, and where they lay
    keys/forget.key          the key of these hashes, made when something is forgotten first

A place is source and url, as people name a document. A plain hash of it would name it: who has a list of addresses
hashes them all. So the hashes are HMAC-SHA-256 (RFC 2104) by a key that nobody has but this workspace, 32 hexadecimal
characters each, and take the place of what they stand for: an id of a forgotten document is replaced by its hash, so
that what refers to it still meets it.

Without a tombstone nothing is asked, hashed or written, and no artifact has another name.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.files import OWNER_ONLY, make_private
from pipeline_lib.store.records import read_state, write_state

STAND_IN = "forgotten/"  # and the keyed hash of a place: how its url is called from then on
FORGOTTEN = "forgotten"  # the reason for which a document is refused that comes again
KEY_BYTES = 32
HASH_CHARACTERS = 32  # as many as an id has


@dataclass(frozen=True)
class Lay:
    """Where a version of a forgotten document lay: in a shard of a batch. The shard keeps a hole there."""

    batch: str  # fingerprint
    part: int
    document: str  # keyed hash of its id
    is_held_out: bool


@dataclass(frozen=True)
class Tombstone:
    """One document that is forgotten, all versions of it."""

    source: str
    place: str  # keyed hash of source and url
    lay: tuple[Lay, ...]
    at: float  # when it was forgotten, in Unix seconds
    models: tuple[str, ...] = ()  # fingerprints of those that had learned it, or may have
    purged: float | None = None  # when nothing of it was left; None: it is left out so far, and still there
    key: str = ""  # the name of the key of its hashes; "": an earlier release did not keep it


@dataclass(frozen=True)
class ForgetKey:
    """The secret of a workspace's tombstones; it never shows itself."""

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """What tells it from other keys, and tells nothing of it."""
        return self._hash(b"key", b"")

    def of_place(self, source: str, url: str) -> str:
        """The keyed hash of a place."""
        return self._hash(b"place", f"{source}\0{url}".encode())

    def of_document(self, document_id: str) -> str:
        """The keyed hash of an id, which takes its place."""
        return self._hash(b"document", document_id.encode())

    def _hash(self, kind: bytes, name: bytes) -> str:
        return hmac.new(self.secret, kind + b"\0" + name, hashlib.sha256).hexdigest()[:HASH_CHARACTERS]


@dataclass(frozen=True)
class Refused:
    """Asks of a document of one source whether it is forgotten."""

    source: str = ""
    places: frozenset[str] = frozenset()
    key: ForgetKey | None = None

    def __bool__(self) -> bool:
        return bool(self.places)

    def has(self, url: str) -> bool:
        """Whether the document of this url is."""
        return self.key is not None and bool(self.places) and self.key.of_place(self.source, url) in self.places

    def hash_of(self, row: str) -> str:
        """The keyed hash of the id that a row has in its source."""
        return "" if self.key is None else self.key.of_place(self.source, row)


NOBODY = Refused()


def read_tombstones(workspace: Path) -> list[Tombstone]:
    """All of them, oldest first. Raises `DataError` for a file that is not as it was written."""
    advice = "Put it back from a copy: without it what was forgotten would be read and learned again."
    return read_state(_path(workspace), list[Tombstone], advice=advice) or []


def save_tombstones(workspace: Path, tombstones: Sequence[Tombstone]) -> None:
    """Replace the list."""
    write_state(_path(workspace), [asdict(one) for one in tombstones])


def check_forgotten(workspace: Path) -> None:
    """Raises `DataError` where the list is damaged, or its key is lost or another one."""
    if read_tombstones(workspace):
        forget_key(workspace)


def forget_key(workspace: Path) -> ForgetKey:
    """The key, made on first use. Raises `DataError` where there are tombstones, and it is not there or not theirs."""
    path = workspace / "keys" / "forget.key"
    if not path.exists() and _path(workspace).exists():
        raise _unrecognized(path, "is missing")
    make_private(path, secrets.token_hex(KEY_BYTES) + "\n")
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as exc:
        raise _unrecognized(path, "cannot be read") from exc
    key = ForgetKey(secret)
    if len(secret) != KEY_BYTES or any(stone.key not in ("", key.name) for stone in read_tombstones(workspace)):
        raise _unrecognized(path, "is not the key that was written there")
    if path.stat().st_mode & 0o777 & ~OWNER_ONLY:
        path.chmod(OWNER_ONLY)
    return key


def refused_of(workspace: Path, source: str) -> Refused:
    """What must not come in again from a source."""
    places = frozenset(one.place for one in read_tombstones(workspace) if one.source == source)
    return Refused(source, places, forget_key(workspace)) if places else NOBODY


def as_parameter(tombstones: Iterable[Tombstone], *, held_out_alone: bool = False) -> list[list[Any]]:
    """What must be left out, as a parameter of a work: [batch, part, hash] of each version, in order."""
    lay = (one for stone in tombstones for one in stone.lay if one.is_held_out or not held_out_alone)
    return sorted([one.batch, one.part, one.document] for one in lay)


def by_shard(parameter: Iterable[Sequence[Any]]) -> dict[tuple[str, int], set[str]]:
    """That parameter by batch and number of the shard."""
    found: dict[tuple[str, int], set[str]] = {}
    for batch, part, document in parameter:
        found.setdefault((batch, part), set()).add(document)
    return found


def stones_of(workspace: Path, name: str) -> list[Tombstone]:
    """The tombstones of the documents that had this url, in whatever source, or this id."""
    stones = read_tombstones(workspace)
    if not stones:
        return []
    key = forget_key(workspace)
    document = key.of_document(name)
    return [
        stone
        for stone in stones
        if key.of_place(stone.source, name) == stone.place or any(lay.document == document for lay in stone.lay)
    ]


def among(ids: Iterable[str], hashes: Collection[str], key: ForgetKey) -> list[str]:
    """Those of these ids that are forgotten, whether a hash stands for them already or not."""
    return [one for one in ids if one in hashes or key.of_document(one) in hashes]


def _path(workspace: Path) -> Path:
    return workspace / "state" / "forgotten.json"


def _unrecognized(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}. Put it back from a copy: by it what was forgotten is recognized, and refused.")
