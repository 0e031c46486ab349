"""JSON as it is kept: a line for each entry, and nothing of the value lost."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.store.files import is_full, os_error_of, read_json, write_json

VALUES: list[Any] = [
    {},
    [],
    None,
    "one",
    1.5,
    {"one": 1},
    [[], {}],
    {"b": [1, {"z": None, "a": "\u2028"}], "a": {"d": 1e-07, "c": "\u4e2d\u6587"}},
    [{"b": 1, "a": [1, 2]}, {"a": "x\ny"}],
    [1 << 70, -0.0, True, "\x00\x1f\x7f", '"\\'],
]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_a_value_is_read_as_it_was_written(value: Any, tmp_path: Path) -> None:
    write_json(tmp_path / "kept.json", value)
    assert read_json(tmp_path / "kept.json") == value


def test_each_entry_has_a_line_and_keys_are_in_order(tmp_path: Path) -> None:
    write_json(tmp_path / "object.json", {"b": {"d": 1, "c": [1, 2]}, "a": 0})
    assert (tmp_path / "object.json").read_text() == '{\n "a": 0,\n "b": {"c": [1, 2], "d": 1}\n}\n'
    write_json(tmp_path / "list.json", [{"b": 1, "a": 2}, 3])
    assert (tmp_path / "list.json").read_text() == '[\n {"a": 2, "b": 1},\n 3\n]\n'


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (PermissionError(errno.EACCES, "no"), errno.EACCES),
        (RuntimeError("I/O error: No space left on device (os error 28)"), errno.ENOSPC),
        (ValueError("Permission denied (os error 13) at line 1"), errno.EACCES),
        (ValueError("os error 28"), None),
        (ValueError(""), None),
    ],
)
def test_the_error_of_the_system_that_an_exception_tells_of(error: Exception, number: int | None) -> None:
    found = os_error_of(error)
    assert (None if found is None else found.errno) == number


@pytest.mark.parametrize(("free", "full"), [(0, True), (300_000, True), (100_000_000, False)])
def test_a_disk_is_full_where_no_database_fits_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, full: bool
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or shutil._ntuple_diskusage(1, 1, free))
    assert is_full(tmp_path / "not" / "there") is full
    assert asked == [tmp_path]
