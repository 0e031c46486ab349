"""What is known of a document afterwards: the ledgers of a real, tiny data half, read along its way."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.past.ledger import Story, why
from pipeline_lib.past.made import made_last, raw_shards
from pipeline_lib.past.names import Quarantined, quarantined, url_of, urls_near
from pipeline_lib.plan.data import plan_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace
from tasks.steps import do_stage
from tests.tiny_night import KEY, english, night_here, refresh, tiny_settings, write_lines

CHANGED = english(999)
SHORT = "The quiet river carries the small boat to the old harbour."  # 58 characters, 11 words


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Settings]]:
    """Two nights over a few documents: between them one changes and one goes."""
    root = tmp_path_factory.mktemp("ledger")
    corpus = root / "corpus"
    documents = {f"n{number}": english(number) for number in range(12)}
    same = {"copy": documents["n3"], "near": documents["n4"] + " Enough.", "short": SHORT}
    write_lines(corpus / "a.jsonl", documents | same | {"mail": f"{english(50)}\nWrite to reader@example.com now."})
    (corpus / "page.txt").write_text(english(70), encoding="utf-8")
    (corpus / "gone.txt").write_text(english(71), encoding="utf-8")
    (corpus / "bad.jsonl").write_text('{"id": "fine", "text": "Short."}\n{"id": "bro\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NIGHTSHIFT_SCRUB_KEY", KEY)
        settings = tiny_settings(root / "workspace", corpus, ingest__max_bad_share="0.5", ingest__max_gone_share="1")
        refresh(settings)
        (corpus / "page.txt").write_text(CHANGED, encoding="utf-8")
        (corpus / "gone.txt").unlink()
        refresh(settings)
        yield Workspace(settings.workspace.resolve()), settings


@pytest.fixture(scope="module")
def workspace(house: tuple[Workspace, Settings]) -> Workspace:
    """The workspace of the two nights. Never change it."""
    return house[0]


@pytest.fixture
def copied(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, to change at will."""
    shutil.copytree(workspace.root, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


def _only(workspace: Workspace, url: str) -> Story:
    stories = why(workspace, url)
    assert len(stories) == 1
    return stories[0]


def test_a_kept_document_is_followed_to_its_tokens(workspace: Workspace) -> None:
    story = _only(workspace, "a.jsonl#n0")
    assert [decision.stage for decision in story.decisions] == ["clean", "dedup", "scrub", "tokenize"]
    assert all(decision.is_kept for decision in story.decisions)
    assert (story.batch, story.source, story.place) == ("0001-docs", "docs", "a.jsonl:1")
    assert story.decisions[0].facts["language"] == "en"
    assert story.decisions[0].facts["num_words"] == len(english(0).split())
    assert story.decisions[-1].facts["num_tokens"] > 0
    assert (story.waits_for, story.lost, story.left_out) == (None, (), None)
    assert story.batch_fingerprint == workspace.batches()[0].fingerprint


def test_an_id_finds_what_its_url_finds(workspace: Workspace) -> None:
    story = _only(workspace, "a.jsonl#n0")
    assert why(workspace, story.document_id) == [story]
    assert url_of(workspace, story.document_id) == "a.jsonl#n0"
    assert url_of(workspace, "0" * 32) is None


def test_a_dropped_document_ends_where_it_was_dropped_with_all_failing_rules(workspace: Workspace) -> None:
    story = _only(workspace, "a.jsonl#short")
    assert [decision.stage for decision in story.decisions] == ["clean"]
    decision = story.decisions[0]
    assert (decision.is_kept, decision.reason) == (False, "too_few_characters")
    failed = {rule["rule"]: (rule["value"], rule["limit"]) for rule in decision.failed}
    assert failed["min_chars.v1"] == (58, 100)
    assert failed["min_words.v1"] == (11, 50)


def test_a_duplicate_names_the_document_it_lost_to_by_its_url(workspace: Workspace) -> None:
    exact, near = (_only(workspace, f"a.jsonl#{name}").decisions[-1] for name in ("copy", "near"))
    assert (exact.stage, exact.reason, exact.facts["duplicate_url"]) == ("dedup", "exact_duplicate", "a.jsonl#n3")
    assert (near.stage, near.reason, near.facts["duplicate_url"]) == ("dedup", "near_duplicate", "a.jsonl#n4")
    assert 0.7 <= near.facts["jaccard"] < 1


def test_personal_data_is_counted_and_not_shown(workspace: Workspace) -> None:
    story = _only(workspace, "a.jsonl#mail")
    scrub = next(decision for decision in story.decisions if decision.stage == "scrub")
    assert scrub.facts["num_email"] == 1
    assert "reader@example.com" not in repr(story)


def test_a_changed_document_has_two_versions_and_the_older_is_withdrawn(workspace: Workspace) -> None:
    older, newer = why(workspace, "page.txt")
    assert (older.batch, older.withdrawn_by, newer.batch, newer.withdrawn_by) == (
        "0001-docs",
        "0002-docs",
        "0002-docs",
        None,
    )
    for story in (older, newer):  # what was decided of the older one is decided
        assert ([decision.is_kept for decision in story.decisions], story.left_out) == ([True] * 4, None)
    assert older.document_id != newer.document_id
    assert older.is_held_out == newer.is_held_out


def test_a_document_that_is_gone_is_withdrawn(workspace: Workspace) -> None:
    assert _only(workspace, "gone.txt").withdrawn_by == "0002-docs"


def test_a_record_that_could_not_be_read_is_found_by_its_place_and_by_its_file(workspace: Workspace) -> None:
    expected = [Quarantined("bad.jsonl:2", "invalid JSON", "0001-docs")]
    assert quarantined(workspace, "bad.jsonl:2") == expected
    assert quarantined(workspace, "bad.jsonl") == expected
    assert quarantined(workspace, "bad.jsonl:1") == []


def test_an_unknown_document_has_no_story_but_near_names(workspace: Workspace) -> None:
    assert why(workspace, "a.jsonl#n") == []
    assert urls_near(workspace, "A.JSONL#N1", 4) == ["a.jsonl#n1", "a.jsonl#n10", "a.jsonl#n11", "a.jsonl#n0"]
    assert urls_near(workspace, "gnoe.txt", 1) == ["gone.txt"]
    assert urls_near(workspace, "0" * 32, 5) == []


def test_the_sides_are_those_that_the_table_of_token_shards_counts(workspace: Workspace) -> None:
    """Counted by another way: the sides that are written beside the tokens."""
    stories = [story for number in range(12) for story in why(workspace, f"a.jsonl#n{number}")]
    assert {story.is_held_out for story in stories} == {True, False}
    batch = workspace.batches()[0]
    store = workspace.store
    held_out = 0
    for ref in made_last(workspace, "tokenize", batch, "tokenize.shards"):
        held_out += store.read(ref.stage, ref.fingerprint).facts["num_held_out"]
    every = [story for url in _urls(workspace) for story in why(workspace, url) if story.batch == batch.name]
    assert sum(bool(story.is_held_out) for story in every if all(d.is_kept for d in story.decisions)) == held_out


def _urls(workspace: Workspace) -> set[str]:
    names = (urls_near(workspace, name, 100) for name in ("a.jsonl#n1", "page.txt", "gone.txt", "bad.jsonl#fine"))
    return {url for found in names for url in found}


def test_a_document_waits_for_the_stage_that_has_not_seen_it(copied: Workspace) -> None:
    (copied.state / "last" / "tokenize-0001-docs.json").unlink()
    story = _only(copied, "a.jsonl#n0")
    assert ([decision.stage for decision in story.decisions], story.waits_for) == (
        ["clean", "dedup", "scrub"],
        "tokenize",
    )
    shutil.copy(copied.state / "last" / "dedup-0002-docs.json", copied.state / "last" / "dedup-0001-docs.json")
    assert _only(copied, "a.jsonl#n0").waits_for == "dedup"


@pytest.mark.parametrize("how", ["released", "damaged"])
def test_a_ledger_that_is_not_there_any_more_is_named_and_the_others_are_told(copied: Workspace, how: str) -> None:
    _lose(copied, made_last(copied, "scrub", copied.batches()[0], "scrub.text")[0], how)
    story = _only(copied, "a.jsonl#n0")
    assert (story.lost, story.waits_for) == (("scrub",), None)
    assert [decision.stage for decision in story.decisions] == ["clean", "dedup", "tokenize"]


@pytest.mark.parametrize("how", ["released", "damaged"])
def test_a_document_is_found_by_its_text_where_what_was_read_is_gone(copied: Workspace, how: str) -> None:
    before = _only(copied, "a.jsonl#copy")
    for ref in raw_shards(copied.store, copied.batches()[0]):
        _lose(copied, ref, how)
    after = _only(copied, "a.jsonl#copy")
    assert (after.document_id, after.decisions, after.shard) == (before.document_id, before.decisions, before.shard)
    assert after.place == "a.jsonl#copy"


def test_a_document_is_found_by_its_scrubbed_text_where_all_before_that_is_gone(copied: Workspace) -> None:
    before = _only(copied, "a.jsonl#n0")
    batch = copied.batches()[0]
    for ref in [*raw_shards(copied.store, batch), *made_last(copied, "clean", batch, "clean.text")]:
        _lose(copied, ref, "released")
    after = _only(copied, "a.jsonl#n0")
    assert (after.document_id, after.url, after.shard) == (before.document_id, before.url, before.shard)
    assert why(copied, "a.jsonl#copy") == []


def _lose(workspace: Workspace, ref: Ref, how: str) -> None:
    folder = workspace.store.path(ref.stage, ref.fingerprint)
    if how == "released":
        shutil.rmtree(folder)
    else:
        for path in folder.glob("*.parquet"):
            path.write_bytes(b"\0" + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"most_tokens": 1}, "weights and caps of the sources leave it out"),
        ({"name": "others"}, "its source is not asked for"),
    ],
)
def test_what_the_snapshot_does_not_ask_for_is_told(
    house: tuple[Workspace, Settings], copied: Workspace, change: dict[str, object], reason: str
) -> None:
    asked = [{"kind": "files", "name": "docs", "path": str(house[1].workspace.parent / "corpus"), **change}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NIGHTSHIFT_SCRUB_KEY", KEY)
        refresh(tiny_settings(copied.root, Path(), ingest__max_bad_share="0.5", ingest__sources=json.dumps(asked)))
    stories = [story for number in range(12) for story in why(copied, f"a.jsonl#n{number}")]
    told = [(story.is_held_out, story.left_out) for story in stories if story.source == "docs"]
    assert (len(told), {why_not for _, why_not in told} - {None}) == (12, {reason})
    assert told.count((False, None)) <= 1  # a cap is met to within one document; it caps what is learned


def test_a_workspace_without_batches_knows_nothing(tmp_path: Path) -> None:
    assert why(Workspace(tmp_path), "a.jsonl#n0") == []


def test_of_a_rule_that_was_tried_and_set_back_nothing_is_told(
    house: tuple[Workspace, Settings], copied: Workspace
) -> None:
    corpus = house[1].of(IngestSettings).sources[0].path
    urls = sorted(_urls(copied))
    before = {url: why(copied, url) for url in urls}
    limits = {"ingest__max_bad_share": "0.5", "ingest__max_gone_share": "1", "guards__max_drop_share": "1"}
    rules = tiny_settings(copied.root, corpus, **limits, guards__max_drop_increase="1")
    rule = {"clean__rules__min_words.v1__at_least": "900", "guards__max_drop_increase": "1"}
    tried = tiny_settings(copied.root, corpus, **limits, **rule)
    refresh(tried)
    assert _only(copied, "a.jsonl#n0").decisions[-1].reason == "too_few_words"
    assert refresh(rules).found.closed.count == len(copied.batches())
    assert {url: why(copied, url) for url in urls} == before
    with night_here(tried) as night:  # one stage by itself
        do_stage("clean", plan_data(tried, copied), night)
    assert _only(copied, "a.jsonl#n0").decisions[-1].reason == "too_few_words"
    refresh(rules)
    assert {url: why(copied, url) for url in urls} == before
