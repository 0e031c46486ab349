"""In which script Chinese came: counted and shown where scripts are unified for dedup, and nowhere else."""

from pathlib import Path

import opencc
import pytest

from pipeline_lib.report import views
from pipeline_lib.report.records import names, page_path, read
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import chinese, english, write_lines
from tests.unit.report.conftest import House, refreshed, settings_of

CAPTION = "Chinese documents by script"


def test_by_default_nothing_of_it_is_counted_or_shown(house: House) -> None:
    assert [views.scripts(record) for record in house.records] == [[], []]
    assert all(CAPTION not in page for page in house.pages)


def test_unified_each_source_has_its_chinese_by_script_and_a_text_in_both_is_a_duplicate(
    tmp_path: Path, scrub_key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = opencc.OpenCC("s2t").convert
    write_lines(tmp_path / "law" / "new.jsonl", {"a": chinese(1), "b": chinese(2), "untold": "一二三" * 40})
    write_lines(tmp_path / "law" / "old.jsonl", {"a": old(chinese(1)), "c": old(chinese(3))})
    half = "\n".join((chinese(4), old(chinese(5))))
    write_lines(tmp_path / "press" / "more.jsonl", {"d": half, "e": english(1)})
    settings = settings_of(tmp_path, dedup__chinese_scripts="unified")
    told = refreshed(settings)
    dropped = {row["stage"]: row["dropped"] for row in told["stages"]}
    assert dropped["dedup"] == {"exact_duplicate": 1}
    workspace = Workspace(settings.workspace.resolve())
    (name,) = names(workspace)
    record = read(workspace, name)
    assert record is not None
    assert views.scripts(record) == [("law", [1, 2, 2, 0]), ("press", [0, 0, 0, 1])]
    page = page_path(workspace, name).read_text(encoding="utf-8")
    assert CAPTION in page and page.index(CAPTION) < page.index('id="quality"')
