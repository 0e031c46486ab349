"""Memory is bounded by the size of a piece, not by that of a file or table, stored or unpacked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.source_peaks import (
    AT_MOST,
    LARGE,
    SMALL,
    growth,
    put_bad_lines,
    put_csv,
    put_gzip,
    put_lines,
    put_parquet,
    put_table,
    resident_a_line,
)

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("put", [put_lines, put_gzip, put_csv, put_parquet, put_bad_lines, put_table])
def test_memory_does_not_follow_the_number_of_documents(tmp_path: Path, put: Callable[[Path, int], None]) -> None:
    assert growth(tmp_path, put) <= AT_MOST


def test_a_line_of_a_file_that_changed_takes_little_of_the_process(tmp_path: Path) -> None:
    """Measured: 0 where one line is added, 420 where all are changed (250 of these are the writer of Parquet, for which
    the ids of a file are one value); with objects for each line 430 and 1,680.
    """
    added, changed = resident_a_line(tmp_path, SMALL, LARGE)
    assert added <= 200
    assert changed <= 800
