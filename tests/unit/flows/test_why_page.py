"""`nightshift why` as people and programs read it, over real ledgers."""

import json
import re
import shutil
from pathlib import Path

import pytest

from flows.cli import inspect
from flows.show.why import show_why
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.records import Limits, SourceFile
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource
from pipeline_lib.ingest.sources.judgments import JudgmentsSource
from pipeline_lib.store.workspace import Workspace
from tests.unit.flows.conftest import Nights

Captured = pytest.CaptureFixture[str]


def _page(nights: Nights, document: str, captured: Captured, *, all_values: bool = False) -> str:
    captured.readouterr()
    show_why(nights.workspace, document, all_values=all_values, as_json=False)
    return captured.readouterr().out


def test_each_stage_of_the_table_has_its_line_and_says_what_matters(nights: Nights, capsys: Captured) -> None:
    page = _page(nights, "b.jsonl#mail", capsys)
    lines = page.split("\n")
    assert lines[0] == "b.jsonl#mail  (docs)"
    assert re.fullmatch(r"  id [0-9a-f]{32}   batch 0001-docs shard \d+   at b\.jsonl:1", lines[1])
    assert [line.split()[0] for line in lines[2:7]] == ["ingest", "clean", "dedup", "scrub", "tokenize"]
    assert re.search(r"ingest +kept +taken in at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n", page)
    assert re.search(r"clean +kept +language en, num_words \d+, num_chars \d+\n", page)
    assert re.search(r"scrub +kept +personal data replaced: email 1\n", page)
    assert re.search(r"tokenize +(train +\d+ tokens\n|heldout +\d+ tokens; models are judged on it and never)", page)
    assert "reader@example.com" not in page


def test_a_dropped_one_names_the_rule_the_value_and_the_limit(nights: Nights, capsys: Captured) -> None:
    page = _page(nights, "a.jsonl#short", capsys)
    assert re.search(r"clean +dropped +too_few_characters\n", page)
    assert "min_words.v1: 10, at least 50" in page
    assert "dedup" not in page


def test_a_rule_without_a_number_is_told_by_its_name(nights: Nights, capsys: Captured) -> None:
    page = _page(nights, "a.jsonl#foreign", capsys)
    assert re.search(r"clean +dropped +language_not_wanted\n +languages\n", page)


def test_a_duplicate_names_the_url_of_the_one_that_stays(nights: Nights, capsys: Captured) -> None:
    assert "dropped   exact_duplicate of a.jsonl#n3 (id " in _page(nights, "a.jsonl#copy", capsys)
    near = _page(nights, "a.jsonl#near", capsys)
    assert re.search(r"near_duplicate of a\.jsonl#n4 \(id [0-9a-f]{32}\), found by minhash", near)
    assert re.search(r"near_duplicate\.v1: 0\.\d+, at most 0\.7", near)


def test_all_shows_the_values_of_signals_and_terms(nights: Nights, capsys: Captured) -> None:
    assert "num_stop_words" not in _page(nights, "a.jsonl#n0", capsys)
    page = _page(nights, "a.jsonl#n0", capsys, all_values=True)
    for name in ("num_stop_words", "stop_word_share", "num_boilerplate", "num_email", "num_tokens"):
        assert re.search(rf"^ +{name} = \S+$", page, re.M), name


def test_json_has_the_stories_with_stable_keys(nights: Nights, capsys: Captured) -> None:
    capsys.readouterr()
    show_why(nights.workspace, "a.jsonl#copy", all_values=False, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["quarantined"], said["near"], len(said["documents"])) == ([], [], 1)
    story = said["documents"][0]
    assert {"document_id", "url", "source", "place", "batch", "shard", "is_held_out", "withdrawn_by"} <= story.keys()
    assert [decision["stage"] for decision in story["decisions"]] == ["clean", "dedup"]
    assert story["decisions"][1]["facts"]["duplicate_url"] == "a.jsonl#n3"
    assert story["decisions"][0]["facts"]["language"] == "en"


def test_a_record_that_never_became_a_document_is_told_by_its_place(nights: Nights, capsys: Captured) -> None:
    said = "bad.jsonl:2: invalid JSON; set aside in batch 0001-docs, it never became a document\n"
    assert _page(nights, "bad.jsonl:2", capsys) == said
    show_why(nights.workspace, "bad.jsonl", all_values=False, as_json=True)
    found = json.loads(capsys.readouterr().out)["quarantined"]
    assert found == [{"place": "bad.jsonl:2", "reason": "invalid JSON", "batch": "0001-docs"}]


def test_an_unknown_name_is_answered_with_the_nearest_ones(nights: Nights, capsys: Captured) -> None:
    with pytest.raises(SettingsError, match=r"Did you mean one of these\?\n  note_107\.txt\n"):
        show_why(nights.workspace, "ntoe_107.txt", all_values=False, as_json=False)
    capsys.readouterr()
    with pytest.raises(SettingsError):
        show_why(nights.workspace, "ntoe_107.txt", all_values=False, as_json=True)
    assert json.loads(capsys.readouterr().out)["near"][0] == "note_107.txt"
    with pytest.raises(SettingsError, match=r"nightshift ingest takes in what is new\.$"):
        show_why(nights.workspace, "0" * 32, all_values=False, as_json=False)


def test_a_file_that_no_reader_takes_is_told_with_its_kind(nights: Nights, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    for kind in (FilesSource, JudgmentsSource):
        sources = [kind(name="papers", path=tmp_path)]
        with pytest.raises(
            SettingsError, match=r"'b\.png': lies in source 'papers' and is not read, .* kind '\.png'\."
        ):
            show_why(nights.workspace, "b.png", all_values=False, as_json=False, sources=sources)


def test_what_a_stage_has_not_seen_yet_is_told_with_the_command(
    nights: Nights, capsys: Captured, tmp_path: Path
) -> None:
    shutil.copytree(nights.workspace.root, tmp_path / "copy")
    copy = Workspace(tmp_path / "copy")
    (copy.state / "last" / "tokenize-0001-docs.json").unlink()
    show_why(copy, "a.jsonl#n0", all_values=False, as_json=False)
    assert re.search(r"tokenize +not yet +nightshift tokenize\n", capsys.readouterr().out)


def test_the_examples_of_the_help_are_documents_of_the_demo() -> None:
    """Each is looked up in the packages that the demo reads."""
    texts = [inspect.DOCUMENT, *(command.__doc__ or "" for command in (inspect.why, inspect.trace))]
    urls = {url for text in texts for url in re.findall(r"[\w.-]+/[\w./#-]*[.#][\w]+|[\w.-]+\.dist-info/\w+", text)}
    documents = {url for url in urls if not url.startswith("models:")}
    assert len(documents) >= 2
    source = InstalledDocsSource()
    files = source.files().files
    for url in documents:
        path, _, part = url.partition("#")
        place = Path(files[path])
        with place.open("rb") as raw:
            records = list(source.read(SourceFile(path, raw, place.stat().st_size), Limits(1 << 22, 100)))
        assert (part or None) in {getattr(record, "part", None) for record in records}, url
