"""The page of a refresh: what it says, what it must not say, and that it is never in the way of a night."""

import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import reported
from flows.show.page import html_of
from flows.show.report import Order, make_page, page_named
from pipeline_lib.base.errors import DataError, SettingsError, UpstreamError
from pipeline_lib.past.made import made_last
from pipeline_lib.report.records import (
    BEGIN,
    END,
    forget_pages,
    keep_newest,
    names,
    page_path,
    page_that_stands,
    shared_page,
    without_samples,
)
from pipeline_lib.report.samples import harmless
from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.settings import KINDS, ScrubSettings
from pipeline_lib.scrub.strings import Scrubber
from pipeline_lib.store.records import REPORTS_FOLDER
from pipeline_lib.store.workspace import Workspace
from tasks.train import PAGE_IN_MLFLOW, share_page
from tests.tiny_night import chinese, night_here, write_lines
from tests.unit.report.conftest import ENGLISH, House, refreshed, settings_of, write_first

MOST_BYTES = 2 << 20
PERSONAL = ("139 1234 5678", "1391234", "jo@example.com", "12-345-6789")


class Elements(HTMLParser):
    """The elements of a page and their attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def copy(house: House, tmp_path: Path) -> Workspace:
    """A copy of the workspace, to change at will."""
    shutil.copytree(house.workspace.root, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


def test_it_is_one_small_private_file(house: House) -> None:
    path = page_that_stands(house.workspace)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < MOST_BYTES
    elements = Elements(path.read_text(encoding="utf-8"))
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in elements.found}
    references = [
        value for _, attributes in elements.found for name, value in attributes.items() if name in ("href", "src")
    ]
    assert references
    assert all(str(value).startswith("#") for value in references)


def test_it_can_be_read_without_seeing_it(house: House) -> None:
    elements = Elements(house.pages[1])
    assert [attributes["role"] for attributes in elements.named("svg")] == ["img"] * len(elements.named("svg"))
    assert all(attributes["aria-label"] for attributes in elements.named("svg"))
    assert all(attributes.get("scope") in ("row", "col") for attributes in elements.named("th"))
    assert elements.named("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    targets = {str(attributes["href"])[1:] for attributes in elements.named("a")}
    assert targets <= set(ids)


def test_it_tells_the_funnel_the_limits_and_what_is_new(house: House) -> None:
    page = house.pages[1]
    assert "1 file new" in page
    assert "2 documents of earlier nights changed or went; 1 file gone" in page
    assert "Histogram of num_words: median" in page
    assert "limit at least 50" in page
    assert "invalid_json 1" in page
    assert re.search(r"Steps of clean:.*clean\.signals.*clean\.judge", page, re.DOTALL)
    assert "cannot be told" in page


def test_it_is_the_same_for_the_same_numbers(house: House) -> None:
    first, second = house.records
    assert html_of(second, first, []) == html_of(second, first, [])


def test_no_personal_data_of_a_dropped_document_is_on_it(house: House) -> None:
    for page in house.pages:
        assert not [value for value in PERSONAL if value in page]
    assert "&lt;PHONE&gt;" in house.pages[0]
    assert "&lt;EMAIL&gt;" in house.pages[0]


def test_numbers_in_odd_groups_and_halves_of_addresses_stay_out() -> None:
    everything = ScrubSettings().model_copy(update=dict.fromkeys(KINDS, "placeholder"))
    scrubber = Scrubber(everything, ScrubKey(bytes(32)))
    text = "a" * 270 + " jo@example.com ring 12-345-67-89-0 or ４５６７８"
    shown, is_cut = harmless(text, scrubber)
    assert is_cut
    assert "jo@" not in shown
    assert not any(character.isdecimal() for character in harmless(text[260:], scrubber)[0])


def test_hostile_text_and_names_are_shown_as_they_are(house: House) -> None:
    page = house.pages[0]
    assert "&lt;script&gt;document.title" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;img" in page


def test_its_numbers_name_no_document_and_no_file(house: House) -> None:
    kept = (house.workspace.root / REPORTS_FOLDER / f"{names(house.workspace)[0]}.json").read_text(encoding="utf-8")
    ids = [
        name
        for batch in house.workspace.batches()
        for ref in made_last(house.workspace, "clean", batch, "clean.text")
        for name in pq.read_table(
            house.workspace.store.path(ref.stage, ref.fingerprint) / "documents.parquet", columns=["document_id"]
        )["document_id"].to_pylist()
    ]
    assert len(ids) == 17
    assert not [name for name in ids if name in kept]
    assert not [name for name in ("a.jsonl", "note.txt", "bad.jsonl", "slides", "<b>x") if name in kept]
    assert '"other suffix": 1' in kept


def test_what_may_leave_the_workspace_has_no_samples(house: House) -> None:
    shared = shared_page(house.workspace)
    assert shared is not None
    assert 'id="samples"' in house.pages[1]
    assert "samples" not in shared
    assert ENGLISH["e1"][:20] not in shared
    assert chinese(9)[:8] not in shared
    assert 'id="quality"' in shared


@pytest.mark.parametrize(
    "page", [f"a{BEGIN}b", f"a{END}b", f"{END}a{BEGIN}b", f"{BEGIN}a{BEGIN}b{END}c{END}", f"{BEGIN}a{END}b{BEGIN}c"]
)
def test_of_a_page_whose_marks_are_no_pairs_nothing_leaves(page: str) -> None:
    with pytest.raises(DataError, match="where its samples are"):
        without_samples(page)


def test_only_the_page_of_what_is_there_now_leaves(copy: Workspace) -> None:
    first, second = names(copy)
    page_path(copy, second).unlink()
    assert page_path(copy, first).is_file()
    assert shared_page(copy) is None
    shutil.copy(page_path(copy, first), page_path(copy, second))
    later = page_path(copy, "2999-01-01-000000-01234567")
    later.write_text("of rules that are set no more", encoding="utf-8")
    later.with_suffix(".json").write_text("{}", encoding="utf-8")
    assert shared_page(copy) == without_samples(page_path(copy, first).read_text(encoding="utf-8"))


class Gets:
    """What MLflow is given."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def log_text(self, name: str, text: str) -> None:
        self.texts[name] = text


@pytest.mark.parametrize("data", [None, b"\xff\xfe", f"secret {BEGIN} secret".encode()])
def test_a_page_that_cannot_be_read_is_said_and_fails_no_training(
    copy: Workspace, house: House, monkeypatch: pytest.MonkeyPatch, data: bytes | None
) -> None:
    said, tracker = list[str](), Gets()
    if data is not None:
        page_path(copy, names(copy)[-1]).write_bytes(data)
    settings = house.settings.model_copy(update={"workspace": copy.root})
    with night_here(settings) as night:
        monkeypatch.setattr(night.reporter, "say", said.append)
        share_page(night, tracker)  # type: ignore[arg-type]
    assert list(tracker.texts) == ([PAGE_IN_MLFLOW] if data is None else [])
    assert len(said) == (data is not None)
    assert "secret" not in "".join(said)
    if said:  # the advice works
        page_path(copy, names(copy)[-1]).unlink()
        make_page(Order(settings))
        assert shared_page(copy)


def test_no_samples_where_none_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scrub_key: None) -> None:
    write_first(tmp_path)
    settings = settings_of(tmp_path, report__samples="0")
    page = (settings.workspace / refreshed(settings)["report"]).read_text(encoding="utf-8")
    assert "<blockquote" not in page
    assert 'id="quality"' in page


def test_a_page_of_that_day_is_found_by_it_and_by_its_digest(copy: Workspace) -> None:
    first, second = names(copy)
    assert page_named(copy, second[:10]) == page_path(copy, second)
    assert page_named(copy, first.rpartition("-")[2]) == page_path(copy, first)
    with pytest.raises(SettingsError, match="report: no page is named 1999-01-01"):
        page_named(copy, "1999-01-01")


def test_a_page_that_is_gone_is_drawn_again_from_its_numbers(copy: Workspace, house: House) -> None:
    assert forget_pages(copy.root) == 2
    assert page_that_stands(copy) is None
    again = page_named(copy, names(copy)[0]).read_text(encoding="utf-8")
    assert "<blockquote" not in again
    assert "invalid_json 1" in again
    settings = house.settings.model_copy(update={"workspace": copy.root})
    assert "<blockquote" in make_page(Order(settings)).read_text(encoding="utf-8")


def test_what_is_not_there_any_more_is_left_out_and_said(copy: Workspace, house: House) -> None:
    shutil.rmtree(copy.root / REPORTS_FOLDER)
    (signals,) = made_last(copy, "clean", copy.batches()[3], "clean.signals")
    shutil.rmtree(copy.store.path(signals.stage, signals.fingerprint))
    page = make_page(Order(house.settings.model_copy(update={"workspace": copy.root}))).read_text(encoding="utf-8")
    assert "1 shard not counted: text or signals of them are not there any more" in page
    assert re.search(r">\s*16\s+\(100\.0%\)", page)  # of 18 records those of the second batch of law are missing


def test_the_oldest_pages_go(copy: Workspace) -> None:
    newest = names(copy)[-1]
    keep_newest(copy, 1)
    assert names(copy) == [newest]
    assert sorted(path.suffix for path in (copy.root / REPORTS_FOLDER).iterdir()) == [".html", ".json"]


def test_numbers_that_are_no_numbers_cost_a_new_count(copy: Workspace, house: House) -> None:
    for name in names(copy):
        (copy.root / REPORTS_FOLDER / f"{name}.json").write_text("{}", encoding="utf-8")
    settings = house.settings.model_copy(update={"workspace": copy.root})
    made = make_page(Order(settings)).read_text(encoding="utf-8")
    assert "the first page" in made
    kept = json.loads((copy.root / REPORTS_FOLDER / f"{names(copy)[-1]}.json").read_text(encoding="utf-8"))
    assert len(kept["batches"]) == 4


@pytest.mark.parametrize("fault", [UpstreamError("the disk is full."), ValueError("a secret of a document")])
def test_a_page_that_fails_never_fails_the_night(
    copy: Workspace, house: House, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    forget_pages(copy.root)
    said: list[str] = []

    def fails(_order: Order) -> Path:
        raise fault

    monkeypatch.setattr(reported, "make_page", fails)
    with night_here(house.settings.model_copy(update={"workspace": copy.root})) as night:
        monkeypatch.setattr(night.reporter, "say", said.append)
        assert reported.report_on({"sentence": "x"}, night) is None
    assert len(said) == 1
    assert "the page of this refresh could not be made" in said[0]
    assert "secret" not in said[0]


def test_switched_off_nothing_is_made(tmp_path: Path, scrub_key: None) -> None:
    write_lines(tmp_path / "press" / "a.jsonl", ENGLISH)
    write_lines(tmp_path / "law" / "a.jsonl", {"z": chinese(1)})
    settings = settings_of(tmp_path, report__every_refresh="false")
    assert refreshed(settings)["report"] is None
    assert not (settings.workspace / REPORTS_FOLDER).exists()
