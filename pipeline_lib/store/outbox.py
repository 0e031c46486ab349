"""What was to be shown and could not be, kept until its server answers again.

    state/outbox/<receiver>/<parcel>.jsonl     one object a line, in the order in which they are to be told

A night appends to its parcel; whoever meets the receiver delivers all parcels and removes them. Receivers take the same
thing twice without harm, so a delivery that is killed is simply done again; a parcel of another server stays as it is,
however often it is looked at. A line that was torn is left out with a word. This is comfort: a parcel that
cannot be written costs a word, what makes it too long is left out, and the oldest go when there are too many.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.store.records import open_log, read_lines, write_comfort

MOST_PARCELS = 100  # of a receiver
MOST_BYTES = 16_000_000  # of a parcel; a training of 50,000 steps has 12 MB of curves

TAKEN = "taken-"  # before the name of a parcel on its way

Line = dict[str, Any]


@dataclass(frozen=True)
class Outbox:
    """The parcels of one workspace for one receiver."""

    root: Path  # of the workspace
    receiver: str  # "prefect" or "mlflow"

    @property
    def folder(self) -> Path:
        """Where its parcels lie."""
        return self.root / "state" / "outbox" / self.receiver

    def keep(self, parcel: str, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append these lines to a parcel; `parcel` names a file."""
        written = [b"\n" + json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
        if not written:
            return
        path = self.folder / f"{parcel}.jsonl"
        with suppress(OSError):  # a full disk: its word comes from what the night itself writes
            with open_log(path) as file:
                for data in written:
                    if file.tell() + len(data) <= MOST_BYTES:
                        file.write(data)
            for old in self._paths()[:-MOST_PARCELS]:
                old.unlink(missing_ok=True)

    def is_empty(self) -> bool:
        """Whether there is nothing to deliver."""
        return not self._paths()

    @contextmanager
    def parcels(self) -> Iterator[list["Parcel"]]:
        """The parcels, oldest first, for one who delivers them; none while somebody else does, or where they lie in a
        folder of somebody else. Two have one key where the night went on after the first was taken."""
        if self.is_empty():
            yield []
            return
        with ExitStack() as opened:
            found: list[Parcel] = []
            with suppress(OSError):
                descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
                opened.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = [Parcel(self.folder, path.stem.removeprefix(TAKEN)) for path in self._paths()]
            yield found

    def _paths(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self.folder.glob("[!.]*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        return []


@dataclass(frozen=True)
class Parcel:
    """What one night has kept for a receiver."""

    folder: Path
    key: str  # by which the night has kept it

    def take(self) -> list[Line]:
        """Its lines, in their order; what is appended from now on is another parcel of that key."""
        if not self._taken.exists():  # else of a delivery that was cut off, or was not for its receiver: first that
            with suppress(OSError):  # it went since there were too many, or may not be moved: it has no lines then
                (self.folder / f"{self.key}.jsonl").rename(self._taken)
        return read_lines(self._taken, Line)

    def put_back(self, lines: Sequence[Line]) -> None:
        """Keep what of the taken lines was not delivered; the next time it is the last in the row."""
        write_comfort(self._taken, b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in lines) + b"\n")

    def done(self) -> None:
        """All that was taken is delivered."""
        self._taken.unlink(missing_ok=True)

    @property
    def _taken(self) -> Path:
        return self.folder / f"{TAKEN}{self.key}.jsonl"
