"""A workspace that others could read is closed, with a line about it."""

import os
import stat
from pathlib import Path

import pytest

from pipeline_lib.store.private import close_to_others


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """A workspace as a release before this one, or a `chmod -R`, left it."""
    root = tmp_path / "workspace"
    (root / "artifacts" / "clean").mkdir(parents=True)
    (root / "artifacts" / "clean" / "documents.parquet").write_bytes(b"text")
    (root / "run.sh").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "outside").write_bytes(b"")
    (root / "link").symlink_to(tmp_path / "outside")
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    (tmp_path / "outside").chmod(0o644)
    return root


def modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.lstat().st_mode) for path in (root, *root.rglob("*")) if not path.is_symlink()}


def test_what_others_could_read_they_can_no_longer(opened: Path) -> None:
    line = close_to_others(opened)
    assert line == f"{opened}: others could read this workspace (mode 0755); now only its owner can"
    assert modes(opened) == {0o700}  # what its owner could do, its owner still can
    assert stat.S_IMODE((opened.parent / "outside").stat().st_mode) == 0o644


def test_a_closed_one_is_not_looked_into(opened: Path) -> None:
    opened.chmod(0o700)
    assert close_to_others(opened) == "" and modes(opened) == {0o700, 0o755}


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o770, 0o777, 0o755])
def test_any_right_of_others_is_one_too_many(opened: Path, mode: int) -> None:
    opened.chmod(mode)
    assert f"(mode {mode:04o})" in close_to_others(opened) and stat.S_IMODE(opened.stat().st_mode) == 0o700


def test_where_rights_cannot_be_changed_the_line_says_what_to_do(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may change all rights on a disk of its own, so a share is played here."""

    def refused(_path: object, _mode: int, **_more: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chmod", refused)
    assert "cannot all be changed here" in close_to_others(opened)


def test_a_share_that_only_seems_to_change_them_is_seen_through(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "chmod", lambda _path, _mode, **_more: None)
    assert "cannot all be changed here" in close_to_others(opened)
