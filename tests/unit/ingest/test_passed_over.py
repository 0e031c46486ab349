"""What a source offers and no reader takes is counted and named, never passed over in silence."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.ingest.kinds import kind_of, untaken
from pipeline_lib.ingest.records import PassedOver
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def passed_over(root: Path, **fields: tuple[str, ...]) -> dict[str, tuple[int, str | None]]:
    listing = FilesSource(name="docs", path=root, **fields).files()
    return {kind: (passed.num_files, passed.example) for kind, passed in listing.passed_over.items()}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.txt", (".txt", "")),
        ("A.B/c.TXT", (".txt", "")),
        ("a.b/Makefile", ("makefile", "")),
        ("a.tar.gz", (".tar", ".gz")),
        ("a.TGZ", (".tar", ".gz")),
        ("a.gz", ("a", ".gz")),
        ("x/.hidden", (".hidden", "")),
        ("..gz", ("..gz", "")),
        (".a.gz", (".a", ".gz")),
        (".a.txt", (".txt", "")),
        ("a.", (".", "")),
        ("a..gz", (".", ".gz")),
        ("", ("", "")),
        ("a/", ("", "")),
    ],
)
def test_a_file_is_known_by_what_stands_behind_its_last_dot(path: str, kind: tuple[str, str]) -> None:
    assert kind_of(path) == kind


def test_files_are_counted_by_their_endings_with_the_first_as_an_example(tmp_path: Path) -> None:
    touch(tmp_path, "ok.jsonl", "train.yaml", "sub/more.yaml", "x.xlsx", "y.jsonl.lz4", "z.png.xz", "LICENSE")
    touch(tmp_path, "b.png", "B.PNG", "f.7z.gz", "g.pptx", "archive.zst")
    assert passed_over(tmp_path) == {
        ".pptx": (1, "g.pptx"),
        ".lz4": (1, "y.jsonl.lz4"),
        ".png": (2, "B.PNG"),
        ".png.xz": (1, "z.png.xz"),
        ".7z.gz": (1, "f.7z.gz"),
        ".xlsx": (1, "x.xlsx"),
        ".yaml": (2, "sub/more.yaml"),
        ".zst": (1, "archive.zst"),
        "no suffix": (1, "LICENSE"),
    }


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/LETTER.7Z.gz", ".7z.gz"),
        ("draft.c++", ".c++"),
        ("a/letter.Jane Doe HIV positive", "other suffix"),
        ("letter.Jane Doe.zst", "other suffix"),
        ("a.夜", "other suffix"),
        ("a.<b>x", "other suffix"),
        ("a.ſ", "other suffix"),
        ("a.x\n", "other suffix"),
        ("a.", "other suffix"),
        ("a." + "x" * 11, "other suffix"),
        ("Jane Doe", "no suffix"),
    ],
)
def test_what_is_no_suffix_of_a_kind_is_not_told(path: str, kind: str) -> None:
    assert untaken(path) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("b.png", ".png"),
        ("sub/c.tar.lz4", ".lz4"),
        ("sub/.hidden.txt", "hidden"),
        ("out.txt", "link out of the source"),
        ("old/c.txt", "excluded"),
        ("a.txt", None),
        ("not there.png", None),
        ("no folder/b.png", None),
        ("../elsewhere.png", None),
    ],
)
def test_of_each_file_it_can_be_asked_why_it_is_not_read(tmp_path: Path, path: str, kind: str | None) -> None:
    root = tmp_path / "docs"
    touch(root, "a.txt", "b.png", "sub/c.tar.lz4", "sub/.hidden.txt", "old/c.txt")
    touch(tmp_path, "elsewhere.png", "elsewhere.txt")
    (root / "out.txt").symlink_to("../elsewhere.txt")
    assert FilesSource(name="docs", path=root, exclude=("old/*",)).why_not_read(path) == kind


def test_hidden_files_are_counted_and_not_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", ".hidden.txt", "sub/.more.md", ".git/config")
    assert passed_over(tmp_path) == {"hidden": (3, None)}


def test_what_the_patterns_leave_out_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt", "b.md", "old/c.txt")
    assert passed_over(tmp_path, include=("*.txt",), exclude=("old/*",)) == {"excluded": (2, "b.md")}


def test_links_that_are_not_followed_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    touch(root, "a.txt")
    touch(tmp_path, "blobs/0a")
    (root / "one.jsonl").symlink_to("../blobs/0a")
    (root / "two.jsonl").symlink_to("../blobs/0a")
    (root / "self.txt").symlink_to("self.txt")
    (root / "ping.txt").symlink_to("pong.txt")
    (root / "pong.txt").symlink_to("ping.txt")
    (root / "up").symlink_to(root, target_is_directory=True)
    assert passed_over(root) == {
        "link out of the source": (2, "one.jsonl"),
        "link to a folder": (1, "up"),
        "link to nothing": (3, "ping.txt"),
    }


def test_names_and_entries_of_no_use_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.txt")).write_text("x")
    os.mkfifo(tmp_path / "pipe.txt")
    assert passed_over(tmp_path) == {
        "name that is not UTF-8": (1, None),
        "neither file nor folder": (1, "pipe.txt"),
    }


def test_a_source_of_one_file_that_no_reader_takes_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    assert passed_over(tmp_path / "a.png") == {".png": (1, "a.png")}


def test_installed_packages_say_what_is_not_read() -> None:
    found = InstalledDocsSource(packages=("numpy",)).files().passed_over
    assert found[".so"].num_files > 3
    assert found["private"].example is None


def test_the_plan_the_batch_and_a_night_with_nothing_new_say_what_is_passed_over(house: Any) -> None:
    house.write("a.txt", "夜")
    house.write("b.png", "\x89PNG")
    house.write(".c.txt", "x")
    expected = {".png": PassedOver(1, "b.png"), "hidden": PassedOver(1, None)}
    plan = house.night()
    assert plan.passed_over == expected
    assert house.facts(house.batches[0])["passed_over"] == {".png": 1, "hidden": 1}
    looked = house.look()
    assert (looked.plan, looked.passed_over) == (None, expected)


@pytest.mark.parametrize("kind", [".png", "hidden"])
def test_what_is_passed_over_changes_no_shard(house: Any, kind: str) -> None:
    house.write("a.txt", "夜")
    before = house.scan()
    house.write("b.png" if kind == ".png" else ".b", "x")
    after = house.scan()
    assert [shard.content for shard in after.shards] == [shard.content for shard in before.shards]
    assert after.content != before.content
