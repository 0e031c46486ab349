"""What the tests of ingest share."""

from pathlib import Path

import pytest

from tests.source_nights import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A workspace with an empty source folder."""
    (tmp_path / "docs").mkdir()
    return House(tmp_path)
