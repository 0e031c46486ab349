"""Fixtures that several test folders share."""

from pathlib import Path

import pytest

from pipeline_lib.store.local import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty artifact store."""
    return Store(tmp_path / "artifacts")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A test is not called by the bytes that it is given: those of gzip hold the time, and two workers then differ."""
    return argname if isinstance(val, bytes) else None
