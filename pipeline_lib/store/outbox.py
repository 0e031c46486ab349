"""What was to be shown and could not be, kept until its server answers again.

    state/outbox/<receiver>/<parcel>.jsonl     one object a line, in the order in which they are to be told

A night appends to its parcel; whoever meets the receiver delivers all parcels and removes them. Receivers take the same
thing twice without harm, so a delivery that is killed is simply done again. A line that was torn is left out with a
word. This is comfort: a parcel that cannot be written costs a word, and the oldest go when there are too many.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
        data = b"".join(b"\n" + json.dumps(line, ensure_ascii=False).encode() for line in lines)
        if not data:
            return
        path = self.folder / f"{parcel}.jsonl"
        with suppress(OSError):  # a full disk: its word comes from what the night itself writes
            with open_log(path) as file:
                if file.tell() + len(data) <= MOST_BYTES:
                    file.write(data + b"\n")
            for old in self._paths()[:-MOST_PARCELS]:
                old.unlink(missing_ok=True)

    def is_empty(self) -> bool:
        """Whether there is nothing to deliver."""
        return not self._paths()

    @contextmanager
    def parcels(self) -> Iterator[list["Parcel"]]:
        """The parcels, oldest first, for one who delivers them; none while somebody else does."""
        if self.is_empty():
            yield []
            return
        with suppress(FileNotFoundError):
            descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = [Parcel(path) for path in self._paths()]
            except BlockingIOError:
                found = []
            try:
                yield found
            finally:
                os.close(descriptor)

    def _paths(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self.folder.glob("[!.]*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        return []


@dataclass(frozen=True)
class Parcel:
    """What one night has kept for a receiver."""

    path: Path

    @property
    def key(self) -> str:
        """By which the night has kept it."""
        return self.path.stem.removeprefix(TAKEN)

    def take(self) -> list[Line]:
        """Its lines, in their order; what is appended from now on is another parcel of that name."""
        taken = self._taken
        if not taken.exists():  # else of a delivery that was killed: first that, this the next time
            self.path.rename(taken)
        return read_lines(taken, Line)

    def put_back(self, lines: list[Line]) -> None:
        """Keep what of the taken lines was not delivered."""
        write_comfort(self._taken, b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in lines) + b"\n")

    def done(self) -> None:
        """All that was taken is delivered."""
        self._taken.unlink(missing_ok=True)

    @property
    def _taken(self) -> Path:
        return self.path.with_name(f"{TAKEN}{self.key}.jsonl")
