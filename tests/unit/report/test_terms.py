"""The terms of a user's list on the page of a refresh."""

import json
from pathlib import Path

import pytest

from pipeline_lib.report import counts as key
from pipeline_lib.report.records import names, page_path, read
from pipeline_lib.report.views import split
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import english, write_lines
from tests.unit.clean.test_spacy_pipeline import save_pipeline
from tests.unit.report.conftest import refreshed, settings_of


@pytest.mark.usefixtures("scrub_key")
def test_terms_of_a_list_and_entities_are_counted_on_the_page(tmp_path: Path) -> None:
    texts = {f"e{number}": english(number) for number in range(4)}
    texts["e0"] += " The <night> shift & the <night> shift."
    texts["e1"] += " The <night> shift. Ada Lovelace met Charles Babbage."
    write_lines(tmp_path / "press" / "a.jsonl", texts)
    (tmp_path / "law").mkdir()
    save_pipeline(tmp_path / "names")
    asked = {
        "clean__terminology": json.dumps(["<night> shift", "never there"]),
        "clean__spacy_pipeline": str(tmp_path / "names"),
    }
    settings = settings_of(tmp_path, **asked)
    refreshed(settings)
    workspace = Workspace(settings.workspace.resolve())
    [name] = names(workspace)
    record = read(workspace, name)
    assert record is not None
    assert split(record.all, key.TERM, 0, 1) == {"<night> shift press": 3}
    assert split(record.all, key.HOLDING, 0) == {"<night> shift": 2}
    assert split(record.all, key.ENTITY, 0, 1) == {"PERSON press": 2}
    page = page_path(workspace, name).read_text(encoding="utf-8")
    assert "Terms of the list" in page and "&lt;night&gt; shift" in page and "<night>" not in page
    assert "Entities by label" in page and "Lovelace" not in json.dumps(record.all_rows)
