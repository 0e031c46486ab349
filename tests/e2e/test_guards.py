"""A night that would lose far more than it may is stopped, before anything is passed on."""

import json
import shutil

import pytest

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.store.workspace import Workspace
from tests.data_nights import night
from tests.tiny_night import (
    House,
    artifacts,
    english,
    write_lines,
)


def test_too_much_broken_input_stops_the_night_before_its_batch_is_sealed(home: House) -> None:
    before = set(artifacts(home.workspace))
    (home.corpus / "torn.jsonl").write_text("no JSON\n" * 20, encoding="utf-8")
    with pytest.raises(GuardStop, match=r"20 of 20 records .*torn\.jsonl:1: invalid JSON"):
        night(home)
    assert len(Workspace(home.workspace).batches()) == 1
    left = {manifest.maker for name, manifest in artifacts(home.workspace).items() if name not in before}
    assert left == {"ingest.plan", "ingest.read", "ingest.list"}
    done = night(home, ingest__max_bad_share="1")
    assert {name for stage, label, name in done.made if (stage, label) == ("ingest", "0002-docs")} == {"batch"}


def test_a_rule_that_would_drop_far_more_than_the_night_before_stops_the_night(home: House) -> None:
    before = set(artifacts(home.workspace))
    rule = {"clean__rules__min_words__v1__at_least": "130", "guards__min_documents": "20"}
    with pytest.raises(GuardStop) as stopped:
        night(home, **rule)
    words = str(stopped.value)
    assert "clean 0001-docs: 48 of 62 documents (77%) would go (too_few_words 48), against 0% before" in words
    assert "guards.max_drop_increase is 30%" in words
    new = [m for name, m in artifacts(home.workspace).items() if name not in before]
    assert {m.maker for m in new} == {"clean.judge"}
    done = night(home, **rule, guards__max_drop_increase="1")
    assert len(done.urls) == 14
    assert {name for stage, _, name in done.made if stage == "clean"} >= {"judgements"}
    assert not any("judgement" in name and "shard" in name for stage, _, name in done.made if stage == "clean")


def test_a_batch_that_would_lose_far_more_than_the_one_before_stops_the_night(home: House) -> None:
    write_lines(home.corpus / "short.jsonl", {f"s{n}": f"Text {n} is too short." for n in range(25)})
    with pytest.raises(GuardStop, match=r"clean 0002-docs: 25 of 25 documents \(100%\) .*max_drop_share is 90%"):
        night(home, guards__min_documents="20")
    done = night(home, guards__min_documents="20", guards__max_drop_share="1", guards__max_drop_increase="1")
    assert len(done.urls) == 54


@pytest.mark.parametrize("is_remembered", [True, False], ids=["remembered", "by its sums"])
def test_a_batch_that_would_lose_far_more_than_the_closed_one_before_stops_the_night(
    home: House, is_remembered: bool
) -> None:
    """Most of it is too short, though less than `guards.max_drop_share`."""
    if not is_remembered:
        shutil.rmtree(home.workspace / "state" / "last")
    good = {f"ok{n}": english(55_000 + n) for n in range(8)}
    write_lines(home.corpus / "short.jsonl", good | {f"s{n}": f"Text {n} is too short." for n in range(17)})
    with pytest.raises(GuardStop, match=r"clean 0002-docs: 17 of 25 documents \(68%\) .*against 0% before"):
        night(home, guards__min_documents="20")
    done = night(home, guards__min_documents="20", guards__max_drop_increase="0.7")
    assert len(done.urls) == 62


def test_the_first_batch_of_a_source_is_compared_with_no_other_source(home: House) -> None:
    other = home.corpus.parent / "other"
    good = {f"ok{n}": english(55_000 + n) for n in range(8)}
    write_lines(other / "short.jsonl", good | {f"s{n}": f"Text {n} is too short." for n in range(17)})
    files = [{"kind": "files", "name": name, "path": str(at)} for name, at in (("docs", home.corpus), ("other", other))]
    done = night(home, guards__min_documents="20", ingest__sources=json.dumps(files))
    assert len(done.urls) == 62


def test_documents_that_were_withdrawn_are_no_loss_that_stops_a_night(home: House) -> None:
    (home.corpus / "a_english.jsonl").unlink()
    done = night(home, guards__min_documents="2", guards__max_drop_increase="0.05")
    assert len(done.urls) == 30
