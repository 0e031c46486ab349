"""`nightshift try`: what dedup says of a document, by the index of the nights that were."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tests.tiny_night import KEY, arguments, english
from tests.unit.flows.conftest import Nights

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


def tried(nights: Nights, place: Path, *words: str, **changes: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["try", str(place), *words, *arguments(nights.workspace.root, nights.corpus, **changes)])
    return int(left.value.code or 0)


def as_data(nights: Nights, capsys: Captured, place: Path, **changes: str) -> dict[str, Any]:
    capsys.readouterr()
    assert tried(nights, place, "--json", **changes) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def write(folder: Path, text: str) -> Path:
    place = folder / "mine.txt"
    place.write_text(text, encoding="utf-8")
    return place


def test_a_text_that_is_there_would_go_as_its_duplicate_and_names_it(
    nights: Nights, tmp_path: Path, capsys: Captured
) -> None:
    place = write(tmp_path, english(7))
    said = as_data(nights, capsys, place)
    assert said["reason"] == "exact_duplicate" and said["alike"]["jaccard"] == 1.0
    assert tried(nights, place) == 0
    page = capsys.readouterr().out
    assert f"the same text: a.jsonl#n7 (id {said['alike']['document_id']})" in page
    assert page.rstrip().endswith("dropped: exact_duplicate")


def test_a_text_that_is_nearly_there_would_go_with_its_likeness(
    nights: Nights, tmp_path: Path, capsys: Captured
) -> None:
    place = write(tmp_path, english(9) + " Enough of it.")
    said = as_data(nights, capsys, place)
    assert said["reason"] == "near_duplicate" and 0.7 <= said["alike"]["jaccard"] < 1
    assert tried(nights, place) == 0
    assert f"nearly the same (Jaccard {said['alike']['jaccard']:.2f}): a.jsonl#n9" in capsys.readouterr().out


def test_a_new_text_is_kept_and_a_dropped_one_is_not_asked(nights: Nights, tmp_path: Path, capsys: Captured) -> None:
    place = write(tmp_path, english(5_000))
    assert as_data(nights, capsys, place)["alike"]["document_id"] == ""
    assert tried(nights, place) == 0
    page = capsys.readouterr().out
    assert "nothing that is there is like it" in page and page.rstrip().endswith("kept")
    assert as_data(nights, capsys, write(tmp_path, "Too short."))["alike"] is None


def test_where_no_night_had_these_settings_or_there_is_no_key_dedup_is_not_asked_and_says_why(
    nights: Nights, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path, english(7))
    said = as_data(nights, capsys, place, dedup__shingle_tokens="4")
    assert "no night with these settings" in said["alike"]["unasked"] and said["reason"] is None
    monkeypatch.delenv("NIGHTSHIFT_SCRUB_KEY")
    assert tried(nights, place) == 0
    page = capsys.readouterr().out
    assert "not asked: scrub: there is no key" in page
    assert page.rstrip().endswith("kept, unless dedup finds it elsewhere")


def test_the_look_changes_nothing(nights: Nights, tmp_path: Path) -> None:
    def files() -> list[tuple[str, int]]:
        found = (path for path in nights.workspace.root.rglob("*") if path.is_file())
        return sorted((str(path), path.stat().st_mtime_ns) for path in found)

    before = files()
    assert tried(nights, write(tmp_path, english(7))) == 0
    assert files() == before
