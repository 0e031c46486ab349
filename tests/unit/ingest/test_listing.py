"""Which files a source has."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.sources.files import FilesSource


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def listed(root: Path, **fields: tuple[str, ...]) -> list[str]:
    return list(FilesSource(name="docs", path=root, **fields).files().files)


def test_files_with_a_reader_are_listed_by_path_and_hidden_ones_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "b.txt", "a/文.md", "a.jsonl.gz", "a/x.CSV.ZST", ".git/a.txt", ".hidden.txt", "a/.b.md")
    touch(tmp_path, "no.png", "txt", "archive.gz", "a.txt.lz4")
    assert listed(tmp_path) == ["a.jsonl.gz", "a/x.CSV.ZST", "a/文.md", "b.txt"]


def test_include_and_exclude_choose_by_relative_path(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", "sub/b.txt", "sub/c.md", "sub/old/d.txt")
    assert listed(tmp_path, include=("*.txt",)) == ["a.txt", "sub/b.txt", "sub/old/d.txt"]
    assert listed(tmp_path, include=("sub/*",), exclude=("*/old/*", "*.md")) == ["sub/b.txt"]


def test_links_are_followed_to_files_within_the_root_only(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    touch(root, "a.txt", "sub/b.txt")
    touch(tmp_path, "outside.txt")
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "out.txt").symlink_to(tmp_path / "outside.txt")
    (root / "dangling.txt").symlink_to(root / "nothing.txt")
    (root / "sub/loop").symlink_to(root, target_is_directory=True)
    assert listed(root) == ["a.txt", "in.txt", "sub/b.txt"]


def test_a_source_can_be_one_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", "b.txt")
    assert FilesSource(name="docs", path=tmp_path / "a.txt").files().files == {"a.txt": str(tmp_path / "a.txt")}


def test_a_path_that_does_not_exist_says_which_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"source 'docs' does not exist: .*/nowhere\. Create it or correct `path`"):
        listed(tmp_path / "nowhere")


def test_a_source_without_files_warns(house: Any, caplog: pytest.LogCaptureFixture) -> None:
    house.reading = {"include": ("*.tyop",)}
    with caplog.at_level(logging.WARNING):
        assert house.scan() is None
    assert "holds no file" in caplog.text


def test_a_folder_that_may_not_be_listed_is_an_error_and_not_a_withdrawal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline_lib.base.errors import UpstreamError

    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UpstreamError, match="Permission denied"):
        listed(tmp_path)
