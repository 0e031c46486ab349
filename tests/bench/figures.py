"""The figures: what is measured, in which unit, against which goal; and the file that holds them.

docs/bench/results.json is a list of {name, value, unit, goal, better, command, versions, machine}. Only
`python -m tests.bench` writes it. Light to import: the tests and the renderer read it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline_lib.store.files import read_json, write_json

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "bench" / "results.json"
DIGITS = 4  # significant ones that are kept; more would be noise


@dataclass(frozen=True)
class Figure:
    """One thing that is measured."""

    name: str
    unit: str
    better: Literal["lower", "higher"]
    meaning: str
    goal: float | None = None  # None: a base line for what follows
    peer: str | None = None  # what it was compared with, "distribution==version"


@dataclass(frozen=True)
class Entry:
    """One figure as it was measured."""

    name: str
    value: float
    unit: str
    goal: float | None
    better: Literal["lower", "higher"]
    command: str
    versions: Mapping[str, str]
    machine: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """met, missed, or a dash where there is no goal. A value equal to its goal meets it."""
        if self.goal is None:
            return "-"
        is_met = self.value <= self.goal if self.better == "lower" else self.value >= self.goal
        return "met" if is_met else "missed"


def make_entry(figure: Figure, value: float, *, versions: Mapping[str, str], machine: Mapping[str, Any]) -> Entry:
    """What is written down of a measured value."""
    return Entry(
        name=figure.name,
        value=float(f"{value:.{DIGITS}g}"),
        unit=figure.unit,
        goal=figure.goal,
        better=figure.better,
        command=f"make bench NAME={figure.name}",
        versions={**versions, **_peer(figure)},
        machine=machine,
    )


def _peer(figure: Figure) -> dict[str, str]:
    if figure.peer is None:
        return {}
    name, _, version = figure.peer.partition("==")
    return {name: version}


def read_results(path: Path = RESULTS) -> list[Entry]:
    """The entries of the file; none when it is not there."""
    return [Entry(**entry) for entry in read_json(path)] if path.is_file() else []


def replace_entry(entry: Entry, order: Sequence[str], path: Path = RESULTS) -> None:
    """Put an entry in the place of the one of its name, all at once; entries stand in `order`, unknown ones go."""
    entries = {known.name: known for known in read_results(path)} | {entry.name: entry}
    write_json(path, [asdict(entries[name]) for name in order if name in entries])
