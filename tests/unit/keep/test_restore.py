"""Which backup is meant."""

from pathlib import Path

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.keep.restore import chosen
from pipeline_lib.keep.vault import Head

HEADS = [
    Head(name, 3 - number, 0.0, "0", "", 0, 0, ())
    for number, name in enumerate(["20261130-010000-00ff", "20261129-181500-a1b2", "20261129-060000-ffff"])
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, 0),
        ("20261129-181500-a1b2", 1),
        ("20261129", 1),
        ("2026-11-29", 1),
        ("2026-11-29 06:00", 2),
        ("2026-11-29T06:00", 2),
        ("20261201", None),
        ("", None),
        ("夜", None),
    ],
)
def test_a_backup_is_named_as_people_name_a_time(asked: str | None, found: int | None) -> None:
    if found is None:
        with pytest.raises(SettingsError, match="--list"):
            chosen(HEADS, asked, Path("backups"))
    else:
        assert chosen(HEADS, asked, Path("backups")) == HEADS[found]
