"""What is known of a document afterwards: the ledgers of a real, tiny data half, read along its way."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_lib.past.ledger import Quarantined, Story, quarantined, url_of, urls_like, why
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, english, refresh, tiny_settings, write_lines

CHANGED = english(999)
SHORT = "The quiet river carries the small boat to the old harbour."  # 58 characters, 11 words


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
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
        yield Workspace(settings.workspace.resolve())


def _only(workspace: Workspace, url: str) -> Story:
    stories = why(workspace, url)
    assert len(stories) == 1
    return stories[0]


def test_a_kept_document_is_followed_to_its_tokens(workspace: Workspace) -> None:
    story = _only(workspace, "a.jsonl#n0")
    assert [decision.stage for decision in story.decisions] == ["clean", "dedup", "scrub", "tokenize"]
    assert all(decision.is_kept for decision in story.decisions)
    assert (story.batch, story.source, story.place) == ("0001-docs", "docs", "a.jsonl:1")
    assert story.decisions[-1].facts["split"] in ("train", "heldout")
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
    assert [decision.is_kept for decision in newer.decisions] == [True] * 4
    assert not older.decisions[-1].is_kept


def test_a_document_that_is_gone_is_withdrawn(workspace: Workspace) -> None:
    assert _only(workspace, "gone.txt").withdrawn_by == "0002-docs"


def test_a_record_that_could_not_be_read_is_found_by_its_place_and_by_its_file(workspace: Workspace) -> None:
    expected = [Quarantined("bad.jsonl:2", "invalid JSON", "0001-docs")]
    assert quarantined(workspace, "bad.jsonl:2") == expected
    assert quarantined(workspace, "bad.jsonl") == expected
    assert quarantined(workspace, "bad.jsonl:1") == []


def test_an_unknown_document_has_no_story_but_near_names(workspace: Workspace) -> None:
    assert why(workspace, "a.jsonl#n") == []
    assert urls_like(workspace, "A.JSONL#N1", 5) == ["a.jsonl#n1", "a.jsonl#n10", "a.jsonl#n11"]
    assert len(urls_like(workspace, "jsonl", 2)) == 2


def test_a_workspace_without_batches_knows_nothing(tmp_path: Path) -> None:
    assert why(Workspace(tmp_path), "a.jsonl#n0") == []
