"""What is broken, lost or damaged between two nights, and that only what needs it is made again."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from flows.halves import encode
from pipeline_lib.plan.data import plan_data, plan_sealed_data
from pipeline_lib.plan.night import notes_of
from pipeline_lib.store.tables import read_table
from pipeline_lib.store.workspace import Workspace
from tasks.steps import do_stage
from tests.data_nights import OF_THE_NIGHT, Night, digests, night, planned
from tests.flips import flip_unseen
from tests.tiny_night import (
    SOURCE,
    House,
    artifacts,
    damage,
    english,
    night_here,
    refresh,
    tiny_settings,
    write_lines,
)


def test_broken_files_and_lines_are_put_aside_and_come_in_once_they_are_repaired(home: House) -> None:
    lines = [json.dumps({"id": f"x{n}", "text": english(920 + n)}) for n in range(4)]
    whole = gzip.compress("\n".join(lines).encode())
    (home.corpus / "late.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    torn = json.dumps({"id": "y", "text": english(930)})
    (home.corpus / "torn.jsonl").write_text(f"{torn}\n{torn[:40]}\n", encoding="utf-8")
    broken = night(home, ingest__max_bad_share="0.5")
    [batch] = Workspace(home.workspace).batches()[1:]
    manifest = Workspace(home.workspace).store.read("ingest", batch.fingerprint)
    assert sum(manifest.dropped.values()) == 2
    assert manifest.dropped["invalid_json"] == 1
    assert "torn.jsonl#y" in broken.urls

    (home.corpus / "late.jsonl.gz").write_bytes(whole)
    write_lines(home.corpus / "torn.jsonl", {"y": english(930), "z": english(931)})
    healed = night(home)
    assert {"torn.jsonl#y", "torn.jsonl#z", *(f"late.jsonl.gz#x{n}" for n in range(4))} <= healed.urls
    assert night(home).made == {}


MAKERS = [
    "ingest.read", "ingest.batch", "clean.text", "clean.signals", "clean.terms", "clean.judge", "clean.list",
    "dedup.sketch", "dedup.decide", "scrub.text", "scrub.list", "tokenize.learn", "tokenize.encode",
    "tokenize.shards", "tokenize.snapshot",
]  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_a_lost_or_damaged_artifact_costs_its_rebuilding_where_it_is_needed_and_nothing_else(
    home: House, maker: str
) -> None:
    """What nothing needs any more is not missed; a changed rule then asks for all of it, and gets what there was."""
    before = digests(home)
    names = {name for name, m in artifacts(home.workspace).items() if m.maker == maker}
    assert names
    for name in names:
        damage(home.workspace / "artifacts" / name)
    done = night(home)
    assert done.names <= names
    assert all(reason.startswith("damaged: ") for reason in done.made.values())

    shutil.rmtree(home.workspace / "artifacts" / "tokenize")
    shutil.rmtree(home.workspace / "state" / "closed")
    again = night(home)
    assert {name for name in again.names if not name.startswith("tokenize/")} <= names
    unasked = names - done.names - again.names
    assert digests(home, before.keys() - unasked) == {name: before[name] for name in before.keys() - unasked}


def test_a_flipped_bit_that_no_clock_shows_is_healed_in_the_night_that_meets_it(home: House) -> None:
    before = digests(home)
    [decided] = [m for m in artifacts(home.workspace).values() if m.maker == "dedup.decide"]
    flip_unseen(home.workspace / "artifacts" / "dedup" / decided.fingerprint / "index.parquet")
    write_lines(home.corpus / "more.jsonl", {"near": english(102) + " Enough."})
    settings = tiny_settings(home.workspace, home.corpus)
    assert {label for _, label, _, _ in planned(settings).values()} - set(OF_THE_NIGHT) == {"0002-docs"}
    refresh(settings)
    assert "more.jsonl#near" not in Night(settings, {}).urls
    assert digests(home, before) == before


@pytest.mark.parametrize("names", [("inventory",), ("members",), ("tombstones",), ("inventory", "members")])
def test_damage_that_a_look_at_the_sources_meets_is_healed_in_the_same_night(
    home: House, names: tuple[str, ...]
) -> None:
    """A changed file is what asks for all that earlier batches say of it."""
    before = digests(home)
    [batch] = Workspace(home.workspace).batches()
    for name in names:
        flip_unseen(home.workspace / "artifacts" / "ingest" / batch.fingerprint / f"{name}.parquet")
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    done = night(home)
    assert done.made["ingest", "0001-docs", "batch"].startswith("damaged: ")
    assert [b.number for b in done.workspace.batches()] == [1, 2]
    assert "a_english.jsonl#en-0" not in done.urls
    assert digests(home, before) == before


@pytest.mark.parametrize("name", ["tombstones", "inventory"])
def test_a_batch_that_no_clock_shows_as_damaged_is_healed_by_the_stage_that_opens_it(home: House, name: str) -> None:
    """The plan took it for whole, and lays out nothing of how it is made."""
    before = digests(home)
    [batch] = Workspace(home.workspace).batches()
    for table in artifacts(home.workspace).values():
        if table.maker == "tokenize.shards":
            shutil.rmtree(home.workspace / "artifacts" / "tokenize" / table.fingerprint)
    flip_unseen(home.workspace / "artifacts" / "ingest" / batch.fingerprint / f"{name}.parquet")
    settings = tiny_settings(home.workspace, home.corpus, dedup__jaccard_at_least="0.75")
    with night_here(settings) as at_work:
        plan = plan_sealed_data(settings, at_work.workspace)
        for stage in ("dedup", "scrub"):
            do_stage(stage, plan, at_work)
        encode(plan, at_work)
    kept = [path for path in before if path.startswith("ingest/")]
    assert digests(home, kept) == {path: before[path] for path in kept}


@pytest.mark.parametrize("what", ["nothing else", "the source changed", "the raw text is gone", "both"])
def test_text_that_no_clock_shows_as_damaged_is_made_again_in_the_night_whose_rule_asks_for_it(
    home: House, what: str
) -> None:
    """From the raw text, whatever became of the source; else from the source, as it is now."""
    rule = {"clean__rules__min_words__v1__at_least": "40"}
    for text in [m for m in artifacts(home.workspace).values() if m.maker == "clean.text"]:
        flip_unseen(home.workspace / "artifacts" / "clean" / text.fingerprint / "documents.parquet")
    if what in ("the raw text is gone", "both"):
        for raw in [m for m in artifacts(home.workspace).values() if m.maker == "ingest.read"]:
            shutil.rmtree(home.workspace / "artifacts" / "ingest" / raw.fingerprint)
    if what in ("the source changed", "both"):
        write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(25) if n != 10})
    settings = tiny_settings(home.workspace, home.corpus, **rule)
    refresh(settings)
    fresh = night(House(home.workspace.with_name("fresh"), home.corpus), **rule)
    assert Night(settings, {}).ids == fresh.ids


def test_a_lost_raw_shard_whose_files_have_changed_costs_nothing_while_nothing_needs_it(home: House) -> None:
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    night(home)
    for raw in [m for m in artifacts(home.workspace).values() if m.maker == "ingest.read"]:
        shutil.rmtree(home.workspace / "artifacts" / "ingest" / raw.fingerprint)
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)} | {"en-0": english(990)})
    done = night(home)
    assert done.labels == {"0003-docs"}
    assert [batch.number for batch in done.workspace.batches()] == [1, 2, 3]
    assert night(home).made == {}


def test_a_batch_is_given_up_only_when_something_needs_what_is_gone_for_good(home: House) -> None:
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    night(home)
    store = Workspace(home.workspace).store
    for maker in ("ingest.read", "clean.text"):
        for lost in [m for m in artifacts(home.workspace).values() if m.maker == maker]:
            shutil.rmtree(store.path(lost.ref.stage, lost.fingerprint))
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)} | {"en-0": english(990)})
    assert night(home).labels == {"0003-docs"}
    shutil.rmtree(home.workspace / "artifacts" / "tokenize")
    shutil.rmtree(home.workspace / "artifacts" / "scrub")
    shutil.rmtree(home.workspace / "state" / "closed")
    settings = tiny_settings(home.workspace, home.corpus)
    plan = plan_data(settings, Workspace(home.workspace))
    assert [batch.number for batch in plan.found.given_up] == [1, 2, 3]
    done = night(home)
    assert [batch.number for batch in done.workspace.batches()] == [4]
    fresh = House(home.workspace.with_name("fresh"), home.corpus)
    assert done.ids == night(fresh).ids


@pytest.mark.parametrize("is_batch_there", [True, False])
def test_documents_of_a_batch_that_is_given_up_stay_on_their_sides(home: House, is_batch_there: bool) -> None:
    """Its inventory says under which share they arrived, and where that is gone too, its kept plan."""
    store = Workspace(home.workspace).store
    [batch] = Workspace(home.workspace).batches()
    shares = shares_of(store.path("ingest", batch.fingerprint) / "inventory.parquet")
    assert 0 < shares["a_english.jsonl"] < 0.5
    for stage in ("clean", "scrub", "tokenize"):
        shutil.rmtree(home.workspace / "artifacts" / stage)
    for raw in [m for m in artifacts(home.workspace).values() if m.maker == "ingest.read"]:
        shutil.rmtree(store.path("ingest", raw.fingerprint))
    if not is_batch_there:
        shutil.rmtree(store.path("ingest", batch.fingerprint))
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    (home.corpus / "late.txt").write_text(english(931), encoding="utf-8")
    plan = plan_data(
        tiny_settings(home.workspace, home.corpus, tokenize__heldout_share="0.5"), Workspace(home.workspace)
    )
    assert plan.found.given_up == (batch,)
    [new] = [item.plan for item in plan.found.opened if item.plan is not None]
    assert {file.path: file.heldout_share for shard in new.shards for file in shard.files} == {
        **shares,
        "late.txt": 0.5,
    }


def test_documents_of_a_batch_that_was_given_up_stay_on_their_sides_whenever_they_come_back(home: House) -> None:
    note = home.corpus / "note_100.txt"
    text = note.read_text(encoding="utf-8")
    more = {"ingest__max_gone_share": "1", "tokenize__heldout_share": "0.5"}
    [batch] = Workspace(home.workspace).batches()
    store = Workspace(home.workspace).store
    share = shares_of(store.path("ingest", batch.fingerprint) / "inventory.parquet")[note.name]
    note.unlink()
    lose_text(home)
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    assert [b.number for b in night(home, **more).workspace.batches()] == [2]
    assert Workspace(home.workspace).given_up() == [batch]
    night(home, **more)
    assert Workspace(home.workspace).given_up() == [batch]
    note.write_text(text, encoding="utf-8")
    batches = night(home, **more).workspace.batches()
    assert [b.number for b in batches] == [2, 3]
    assert shares_of(store.path("ingest", batches[-1].fingerprint) / "inventory.parquet") == {note.name: share}


def lose_text(house: House) -> None:
    """All that was read, and all that was made of it."""
    for stage in ("clean", "scrub", "tokenize"):
        shutil.rmtree(house.workspace / "artifacts" / stage)
    for raw in [m for m in artifacts(house.workspace).values() if m.maker == "ingest.read"]:
        shutil.rmtree(house.workspace / "artifacts" / "ingest" / raw.fingerprint)


def test_a_batch_whose_source_is_not_in_the_settings_is_made_again_where_nothing_of_its_text_is_lost(
    home: House,
) -> None:
    other = home.corpus.with_name("other")
    other.mkdir()
    (other / "b.txt").write_text(english(777), encoding="utf-8")
    sources = [{"kind": "files", "name": SOURCE, "path": str(home.corpus)}]
    both = json.dumps([*sources, {"kind": "files", "name": "bee", "path": str(other)}])
    batches = night(home, ingest__sources=both).workspace.batches()
    assert [batch.name for batch in batches] == ["0001-docs", "0002-bee"]
    shutil.rmtree(home.workspace / "artifacts" / "ingest" / batches[-1].fingerprint)
    plan = plan_data(tiny_settings(home.workspace, home.corpus), Workspace(home.workspace))
    assert plan.found.given_up == ()
    assert night(home).workspace.batches() == batches
    assert night(home, ingest__sources=both).workspace.batches() == batches


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_batch_is_read_again_by_its_sealed_plan_where_the_kept_one_cannot_be_read(home: House, is_kept: bool) -> None:
    for stage in ("clean", "scrub", "tokenize"):
        shutil.rmtree(home.workspace / "artifacts" / stage)
    for lost in [m for m in artifacts(home.workspace).values() if m.maker in ("ingest.read", "ingest.batch")]:
        shutil.rmtree(home.workspace / "artifacts" / "ingest" / lost.fingerprint)
    for kept in (home.workspace / "state" / "plans").iterdir():
        if is_kept:
            (kept / "files.parquet").write_bytes(b"PAR1")
        else:
            shutil.rmtree(kept)
    plan = plan_data(tiny_settings(home.workspace, home.corpus), Workspace(home.workspace))
    assert plan.found.given_up == ()
    assert list(plan.batches) == Workspace(home.workspace).batches()


def shares_of(inventory: Path) -> dict[str, float]:
    table = read_table(inventory, ["path", "heldout_share"])
    return dict(zip(table["path"].to_pylist(), table["heldout_share"].to_pylist(), strict=True))


def test_a_damaged_batch_is_rebuilt_in_the_same_night_that_takes_in_new_files(home: House) -> None:
    batch = Workspace(home.workspace).batches()[0].fingerprint
    before = digests(home)
    (home.corpus / "note_103.txt").write_text(english(903), encoding="utf-8")
    shutil.rmtree(home.workspace / "artifacts" / "ingest" / batch)
    done = night(home)
    assert done.made["ingest", "0001-docs", "batch"] == "deleted"
    assert [b.number for b in done.workspace.batches()] == [1, 2]
    assert digests(home, before) == before


@pytest.mark.parametrize("num_near", [1, 3])
def test_what_could_not_be_compared_for_want_of_an_older_text_is_said(home: House, num_near: int) -> None:
    write_lines(home.corpus / "near.jsonl", {f"n{n}": english(n) + " Enough of it." for n in range(1, 1 + num_near)})
    kept = House(home.workspace.with_name("kept"), home.corpus)
    shutil.copytree(home.workspace, kept.workspace)
    for text in [m for m in artifacts(home.workspace).values() if m.maker == "clean.text"]:
        shutil.rmtree(home.workspace / "artifacts" / "clean" / text.fingerprint)
    notes = {}
    for house in (home, kept):
        plan = refresh(tiny_settings(house.workspace, house.corpus))
        notes[house.workspace.name] = notes_of(plan, Workspace(house.workspace).store)
    gone = f"dedup: the text of {num_near} earlier documents is gone; new ones that are nearly like them stay"
    assert notes == {"workspace": [gone], "kept": []}


def test_a_lost_tokenizer_is_trained_again_on_the_text_it_was_pinned_to(home: House) -> None:
    tokenizer = night(home).plan.tokenizer.ref.fingerprint
    before = digests(home, [f"tokenize/{tokenizer}"])
    (home.corpus / "note_106.txt").write_text(english(906), encoding="utf-8")
    night(home)
    shutil.rmtree(home.workspace / "artifacts" / "tokenize" / tokenizer)
    assert night(home).made == {("tokenize", "tokenizer", "tokenizer"): "deleted"}
    assert digests(home, before) == before


def test_a_tokenizer_that_is_lost_with_a_list_of_its_text_is_trained_again_as_it_was(home: House) -> None:
    """All that it names is there: eight closed batches, of which two nodes stand for all, are laid out once more."""
    sources = [{"kind": "files", "name": "docs", "path": str(home.corpus)}]
    for number in range(7):
        place = home.corpus.parent / f"small_{number}"
        write_lines(place / "a.jsonl", {"a": english(1000 + number)})
        sources.append({"kind": "files", "name": place.name, "path": str(place)})
    asked = {"ingest__sources": json.dumps(sources)}
    plan = night(home, **asked).plan
    assert plan.found.closed.count == 8
    [text] = plan.tokenizer.pinned.documents
    before = digests(home)
    for name in (f"tokenize/{plan.tokenizer.ref.fingerprint}", f"scrub/{text.fingerprint}"):
        shutil.rmtree(home.workspace / "artifacts" / name)
    now = refresh(tiny_settings(home.workspace, home.corpus, **asked))
    assert (now.tokenizer.ref, now.tokenizer.note) == (plan.tokenizer.ref, "")
    assert digests(home) == before


def test_where_the_text_of_a_lost_tokenizer_is_lost_for_good_the_plan_says_so(home: House) -> None:
    plan = night(home).plan
    for stage in ("ingest", "clean", "scrub"):
        shutil.rmtree(home.workspace / "artifacts" / stage)
    shutil.rmtree(home.workspace / "artifacts" / "tokenize" / plan.tokenizer.ref.fingerprint)
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    now = plan_data(tiny_settings(home.workspace, home.corpus), Workspace(home.workspace))
    assert now.tokenizer.ref != plan.tokenizer.ref
    assert now.tokenizer.note.startswith("the pinned one is lost, with text that it was learned from: ")
