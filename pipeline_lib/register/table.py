"""The table that the gate reads: candidates x benchmarks, each cell with its slices.

    candidate ("challenger", "champion", the name of a scheme) -> benchmark ("frozen-1", "fresh-12") -> Measured

Each cell says by itself where it stands, so a table is made of any number of scores in any order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.measured import Measured
from pipeline_lib.model.records import FROZEN, Scores
from pipeline_lib.register.compare import ALL

Table = Mapping[str, Mapping[str, Measured]]


@dataclass(frozen=True)
class Row:
    """One slice of one cell, to be shown."""

    candidate: str
    benchmark: str
    documents: str  # which slice: "all", "source docs", "language zh"
    num_documents: int
    bits_per_byte: float | None


def table_of(cells: Iterable[Measured]) -> Table:
    """The table of these cells. Raises `DataError` when two of them stand at the same place."""
    table: dict[str, dict[str, Measured]] = {}
    for cell in cells:
        row = table.setdefault(cell.scores.candidate, {})
        if cell.scores.label in row:
            raise DataError(f"{cell.scores.candidate} has two scores on {cell.scores.label}. Please report it.")
        row[cell.scores.label] = cell
    return table


def deciding(found: Iterable[Scores], *, at_least: int = 0) -> str:
    """The benchmark that a candidate is judged on: the newest generation of the frozen one that is large enough.

    The newest one where none is; "" where there is no frozen benchmark at all.
    """
    newest_first = sorted((one for one in found if one.benchmark == FROZEN), key=lambda one: -one.generation)
    large = [one for one in newest_first if one.num_documents >= at_least]
    return next((one.label for one in large or newest_first), "")


def rows(table: Table) -> Iterator[Row]:
    """All cells with their slices, benchmark by benchmark, so that candidates stand under each other."""
    for label in dict.fromkeys(label for row in table.values() for label in row):
        for candidate, row in table.items():
            if label in row:
                yield from _rows(candidate, row[label].scores)


def _rows(candidate: str, scores: Scores) -> Iterator[Row]:
    yield Row(candidate, scores.label, ALL, scores.num_documents, scores.bits_per_byte)
    for part in scores.slices:
        yield Row(candidate, scores.label, f"{part.by} {part.name}", part.num_documents, part.bits_per_byte)
