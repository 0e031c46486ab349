"""Memory is bounded by the size of a piece, not by that of a file or table, stored or unpacked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.source_peaks import AT_MOST, growth, put_bad_lines, put_csv, put_gzip, put_lines, put_parquet, put_table

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("put", [put_lines, put_gzip, put_csv, put_parquet, put_bad_lines, put_table])
def test_memory_does_not_follow_the_number_of_documents(tmp_path: Path, put: Callable[[Path, int], None]) -> None:
    assert growth(tmp_path, put) <= AT_MOST
