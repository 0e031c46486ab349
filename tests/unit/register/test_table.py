"""The table of candidates and benchmarks."""

from typing import Any

import numpy as np
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.measured import Measured
from pipeline_lib.model.records import Scores, Slice
from pipeline_lib.register.table import Row, deciding, rows, table_of


def cell(candidate: str, benchmark: str, generation: int = 1, **scores: Any) -> Measured:
    made = Scores(candidate=candidate, benchmark=benchmark, generation=generation, **scores)
    return Measured(made, (), (), (), np.array([], np.int64), np.array([], np.int64), np.array([]))


def test_each_cell_says_where_it_stands() -> None:
    cells = [cell("champion", "frozen"), cell("challenger", "frozen"), cell("challenger", "fresh", 7)]
    table = table_of(cells)
    assert {candidate: list(row) for candidate, row in table.items()} == {
        "champion": ["frozen-1"],
        "challenger": ["frozen-1", "fresh-7"],
    }
    assert table["challenger"]["fresh-7"] is cells[2]


def test_two_cells_at_one_place_are_an_error() -> None:
    with pytest.raises(DataError, match="challenger has two scores on frozen-1"):
        table_of([cell("challenger", "frozen"), cell("challenger", "frozen")])


@pytest.mark.parametrize(
    ("found", "at_least", "expected"),
    [
        ([], 8, ""),
        ([("fresh", 1, 900)], 8, ""),
        ([("frozen", 1, 40), ("fresh", 2, 900)], 8, "frozen-1"),
        ([("frozen", 1, 40), ("frozen", 2, 40)], 8, "frozen-2"),
        ([("frozen", 2, 5), ("frozen", 1, 40)], 8, "frozen-1"),  # a new generation that is still too small
        ([("frozen", 1, 5), ("frozen", 2, 6)], 8, "frozen-2"),
    ],
)
def test_what_decides_is_the_newest_frozen_generation_that_is_large_enough(
    found: list[tuple[str, int, int]], at_least: int, expected: str
) -> None:
    scores = [Scores(benchmark=name, generation=number, num_documents=count) for name, number, count in found]
    assert deciding(scores, at_least=at_least) == expected


def test_rows_show_every_slice_with_candidates_under_each_other() -> None:
    part = Slice("language", "zh", 2, 60, 1.5)
    table = table_of(
        [
            cell("challenger", "frozen", num_documents=4, bits_per_byte=2.0, slices=(part,)),
            cell("challenger", "fresh", 3),
            cell("champion", "frozen", num_documents=4, bits_per_byte=2.5),
        ]
    )
    assert list(rows(table)) == [
        Row("challenger", "frozen-1", "all", 4, 2.0),
        Row("challenger", "frozen-1", "language zh", 2, 1.5),
        Row("champion", "frozen-1", "all", 4, 2.5),
        Row("challenger", "fresh-3", "all", 0, None),
    ]
