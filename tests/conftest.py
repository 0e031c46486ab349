"""Fixtures that several test folders share."""

from pathlib import Path

import pytest

from pipeline_lib.store.local import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty artifact store."""
    return Store(tmp_path / "artifacts")
