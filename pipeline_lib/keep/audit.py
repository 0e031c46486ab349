"""All pieces of a folder of backups, read once and compared with their names; and which backups that leaves whole.

Nothing is changed. Reading takes no lock, so that a backup waits for nobody; what seems damaged, or to be missing, is
looked at again in the end, while nobody removes or adds anything.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.keep.vault import DIGEST, DamagedPiece, Head, Vault

Told = Callable[[float, float, str], None]  # MB done, MB in all, of what

WAIT_SECONDS = 600.0  # for a backup that is being made
MB = 1e6


@dataclass(frozen=True)
class Broken:
    """A backup that cannot be restored whole."""

    head: Head
    files: tuple[str, ...]  # that need what is damaged or gone, in order; () where not even its list can be read
    pieces: tuple[Path, ...]  # of what is damaged or gone those that it needs


@dataclass(frozen=True)
class Audit:
    """What was read, and what came of it."""

    num_pieces: int
    num_bytes: int
    damaged: tuple[Path, ...]  # pieces that are not what was written, whether a backup needs them or not
    missing: tuple[Path, ...]  # pieces that a backup needs and that are not there
    whole: tuple[Head, ...]  # the newest first
    broken: tuple[Broken, ...]  # the same
    odd: tuple[Path, ...]  # of backups of which cannot even be read what they are

    @property
    def is_all_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damaged or self.broken or self.odd)


def audit(vault: Vault, told: Told, *, wait_seconds: float = WAIT_SECONDS) -> Audit:
    """Read all pieces. Raises `WorkspaceBusy` where a backup is being made in the end, for more than `wait_seconds`."""
    sizes, suspects = _read(vault, told)
    with vault.read(wait_seconds=wait_seconds):
        damaged = {place.name for place in suspects if place.exists() and _size(vault, place.name) is None}
        broken = [found for head in vault.heads() if (found := _of(vault, head, sizes, damaged)) is not None]
        ids = {one.head.id for one in broken}
        return Audit(
            num_pieces=len(sizes) + len(damaged),
            num_bytes=sum(sizes.values()),
            damaged=tuple(vault.place(piece) for piece in sorted(damaged)),
            missing=tuple(sorted({place for one in broken for place in one.pieces if not place.exists()})),
            whole=tuple(head for head in vault.heads() if head.id not in ids),
            broken=tuple(broken),
            odd=tuple(vault.odd_heads()),
        )


def _read(vault: Vault, told: Told) -> tuple[dict[str, int], list[Path]]:
    """The bytes of each piece that is right, and where those lie that are not."""
    places = [place for place in vault.places() if DIGEST.fullmatch(place.name)]
    expected = [_bytes_at(place) for place in places]
    sizes, suspects, done, total = dict[str, int](), list[Path](), 0, sum(expected)
    for place, num_bytes in zip(places, expected, strict=True):
        size = _size(vault, place.name)
        if size is None:
            suspects.append(place)
        else:
            sizes[place.name] = size
        done += num_bytes
        told(done / MB, total / MB, "MB")
    return sizes, suspects


def _of(vault: Vault, head: Head, sizes: Mapping[str, int], damaged: set[str]) -> Broken | None:
    """What is wrong with a backup; None where it is whole. What is new since was written just now."""

    def is_right(piece: str, num_bytes: int | None = None) -> bool:
        size = sizes.get(piece)
        if size is None and piece not in damaged and (place := vault.place(piece)).exists():
            size = _bytes_at(place)
        return size is not None and num_bytes in (None, size)

    if lost := [piece for piece in head.list if not is_right(piece)]:
        return Broken(head, (), tuple(vault.place(piece) for piece in lost))
    try:
        entries = vault.files(head)
    except DamagedPiece:
        return Broken(head, (), ())
    pieces: set[str] = set()
    files: list[str] = []
    for entry in entries:
        if odd := [piece for piece, num_bytes in entry.sizes() if not is_right(piece, num_bytes)]:
            pieces.update(odd)
            files.append(entry.name)
    return Broken(head, tuple(files), tuple(vault.place(piece) for piece in sorted(pieces))) if files else None


def _size(vault: Vault, piece: str) -> int | None:
    """The bytes of a piece; None where it is not what was written."""
    with suppress(DamagedPiece):
        return len(vault.piece(piece))
    return None


def _bytes_at(place: Path) -> int:
    with suppress(OSError):
        return place.stat().st_size
    return 0
