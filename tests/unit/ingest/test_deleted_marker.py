"""Whether a marker says that a row is deleted, in the types in which databases give it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline_lib.ingest.sql_rows import is_deleted

STAYS: list[Any] = [
    None, False, 0, 0.0, Decimal("0.00"), b"\x00", b"", bytearray(b"\x00\x00"), memoryview(b"\x00"), b"0",
    "", " ", "0", "f", "F", "false", "False ", "n", "NO", "off", "0.0", "000", "0000-00-00", "0000-00-00 00:00:00.000",
    "0000-00-00T00:00:00",
]  # fmt: skip
GOES: list[Any] = [
    True, 1, -1, 0.5, Decimal("0.01"), b"\x01", b"\x00\x01", b"\x80", bytearray(b"\x02"), memoryview(b"\x01"), b"1",
    "1", "t", "T", "true", "Y", "yes", "on", "0.1", "100", "x", "2026-01-05", "2000-00-00", "deleted",
    date(2026, 1, 5), datetime(1970, 1, 1, tzinfo=UTC),
]  # fmt: skip


@pytest.mark.parametrize("marker", STAYS)
def test_it_stays(marker: Any) -> None:
    assert not is_deleted(marker)


@pytest.mark.parametrize("marker", GOES)
def test_it_goes(marker: Any) -> None:
    assert is_deleted(marker)
