"""What is forgotten is on no page, and the pages that follow are made without it."""

import re
import shutil
from pathlib import Path

import pytest

from flows.forget import forget_document
from flows.show.report import Order, make_page
from pipeline_lib.store.records import REPORTS_FOLDER
from pipeline_lib.store.workspace import Workspace
from tests.found_in import places_of
from tests.tiny_night import english
from tests.unit.report.conftest import House

WORDS = english(72)[:60]  # of note.txt in its newest version


@pytest.mark.usefixtures("scrub_key")
def test_pages_go_with_what_is_forgotten(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.workspace.root, tmp_path / "workspace")
    copy = Workspace(tmp_path / "workspace")
    settings = house.settings.model_copy(update={"workspace": copy.root})
    assert any(WORDS in page for page in house.pages)
    forget_document(settings, copy, "note.txt", "press", is_now=True, is_dry=False, is_sure=True, as_json=False)
    assert [path.suffix for path in (copy.root / REPORTS_FOLDER).iterdir()] == [".json", ".json"]
    page = make_page(Order(settings)).read_text(encoding="utf-8")
    assert "<blockquote" in page
    assert not re.search(r"<blockquote[^>]*>\s*<footer>", page)  # of a document whose text is gone nothing is shown
    assert places_of(copy.root, {"words": WORDS.encode()}) == {}
