"""Compaction puts token shards together and drops what has left them; nothing else is another thing before and after.

A twin of each workspace is never compacted: what a night makes of both is compared by names and digests.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from flows.doctor.finding import Patient
from flows.doctor.places import foreign
from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.forget.find import seek
from pipeline_lib.keep import compaction
from pipeline_lib.model.reading.documents import open_documents, shard_of
from pipeline_lib.model.reading.snapshot import EXCLUDED_FILE, SHARDS_FILE, read_excluded
from pipeline_lib.past.export import KINDS, export_snapshot
from pipeline_lib.past.ledger import why
from pipeline_lib.past.names import documents
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import num_bytes_in
from pipeline_lib.store.joined import opened_at, place_of, place_without
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import JOINED, OF_TOKENS
from pipeline_lib.store.tables import read_table
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.snapshot import SNAPSHOT
from pipeline_lib.tokenize.stage import ENCODE
from tasks.compact import Compacted, compact, compact_or_say, planned
from tasks.forget import forget
from tasks.runtime import PlainRuntime
from tasks.steps import make_again, make_what_can_be
from tasks.verify import Wish, verify
from tests.collected import collect
from tests.data_nights import digests, merging_soon, night
from tests.found_in import places_of
from tests.tiny_night import (
    SOURCE,
    House,
    arguments,
    artifacts,
    copy_house,
    damage,
    english,
    night_here,
    nightshift,
    refresh,
    sealed_at,
    tiny_settings,
    write_corpus,
    write_lines,
)

AT_ONCE = {"maintenance__keep_days": "0"}
OTHER_RULES = {
    "dedup": {"dedup__jaccard_at_least": "0.95"},
    "tokenize": {"tokenize__generation": "2"},
}
EDITED, WITHDRAWN, BACK = "en-9", "en-10", "en-11"


@pytest.fixture(scope="module", autouse=True)
def scrub_key() -> Iterator[None]:
    """For all of these."""
    with merging_soon():
        yield


@pytest.fixture(scope="module")
def lived(scrub_key: None, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Nights in which a document is edited, one is withdrawn, one is withdrawn and comes back, and others come."""
    root = tmp_path_factory.mktemp("lived")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    refresh(settings_of(house))
    texts = {f"en-{number}": english(number) for number in range(24)}
    for number in range(4):
        texts[f"new-{number}"] = english(5000 + number)
        if number == 1:
            texts[EDITED] += f"\n{english(909).splitlines()[0]}"
            del texts[WITHDRAWN], texts[BACK]
        if number == 2:
            texts[BACK] = english(11)
        write_lines(house.corpus / "a_english.jsonl", texts)
        refresh(settings_of(house))
    return house


@pytest.fixture
def house(lived: House, tmp_path: Path) -> House:
    return copy_house(lived, tmp_path / "house")


@pytest.fixture
def twin(lived: House, tmp_path: Path) -> House:
    """The same, and never compacted."""
    return copy_house(lived, tmp_path / "twin")


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **changes)


def compacted(house: House, *, is_swept: bool = True, **changes: str) -> Compacted:
    """`nightshift compact` in this process, and a gc that does not wait."""
    settings = tiny_settings(house.workspace, house.corpus, **changes, **AT_ONCE)
    with night_here(settings) as here:
        done = compact(here)
    if is_swept:
        collect(settings)
    return done


def store_of(house: House) -> Store:
    return Workspace(house.workspace).store


def content(house: House) -> dict[tuple[str, str], tuple[bool, list[int]]]:
    """Of each document that the newest snapshot has whether it is trained on, and its tokens, by shard and id."""
    store = store_of(house)
    snapshot = max(store.list(SNAPSHOT.name), key=lambda one: one.created)
    opened = store.open(OF_TOKENS, snapshot.fingerprint)
    excluded, found = read_excluded(opened.file(EXCLUDED_FILE)), {}
    for row in read_table(opened.file(SHARDS_FILE)).to_pylist():
        left = excluded.get(row["shard"], ())
        place_without(store, row["shard"], left)
        read = open_documents([shard_of(store, row["shard"], row["heldout_share"], left)])
        for number, name in enumerate(read.document_ids[0].to_pylist()):
            if not read.is_excluded[number]:
                tokens = read.ids[read.starts[number] :][: read.lengths[number]].tolist()
                found[row["shard"], name] = (bool(read.is_train[number]), tokens)
    return found


def shards_apart(house: House) -> set[str]:
    return {made.fingerprint for made in artifacts(house.workspace).values() if made.maker == ENCODE.name}


def edit(house: House) -> None:
    """A day after compaction: one more is edited, one leaves, and others come."""
    path = house.corpus / "a_english.jsonl"
    texts = {line["id"]: line["text"] for line in map(json.loads, path.read_text().splitlines())}
    texts["en-12"] += f"\n{english(912).splitlines()[0]}"
    del texts["en-13"], texts["new-0"]
    write_lines(path, texts | {f"late-{number}": english(7000 + number) for number in range(3)})


def of_tonight(house: House) -> Mapping[str, str]:
    """What there is of token shards' tables and snapshots, by name, with the digest."""
    makers = ("tokenize.shards", "tokenize.merged", "tokenize.snapshot", "evaluate.benchmark")
    return {name: made.digest for name, made in artifacts(house.workspace).items() if made.maker in makers}


def test_what_is_read_is_the_same_and_lies_in_one_place(house: House) -> None:
    before, tables, names = content(house), of_tonight(house), shards_apart(house)
    gone = {one.document_id for one in documents(Workspace(house.workspace), f"a_english.jsonl#{WITHDRAWN}")}
    texts = digests(house)
    assert len(names) > 4

    done = compacted(house)

    assert (done.places_after, done.shards) == (1, len(names)) and done.bytes_after < done.bytes_before
    assert shards_apart(house) == set() and len(list(store_of(house).list("joined.tokens"))) == 1
    assert content(house) == before and of_tonight(house).items() <= tables.items()
    assert gone and gone.isdisjoint(document for _, document in before)
    left = {name: digest for name, digest in digests(house).items() if name[0] in ("ingest", "clean", "scrub")}
    assert left.items() <= texts.items()


def test_done_again_it_does_nothing_and_no_night_makes_anything(house: House) -> None:
    assert compacted(house, is_swept=False).shards
    assert [one.what for one in foreign(Patient(settings_of(house), Workspace(house.workspace), time.time()))] == []
    assert compacted(house, is_swept=False).shards == 0
    collect(tiny_settings(house.workspace, house.corpus, **AT_ONCE))
    assert compacted(house).shards == 0
    sealed = sealed_at(house.workspace)

    assert night(house).made == {} and sealed_at(house.workspace) == sealed


def test_the_tokens_of_what_left_are_gone_and_their_places_are_not(house: House) -> None:
    store, url = store_of(house), f"a_english.jsonl#{EDITED}"
    old, new = (
        one.document_id for one in sorted(documents(Workspace(house.workspace), url), key=lambda o: o.batch.number)
    )
    shards = sorted(shards_apart(house))
    rows = {shard: place_of(store, shard) for shard in shards}
    names = {shard: opened_at(*place).document_ids.to_pylist() for shard, place in rows.items()}
    lengths = {shard: opened_at(*place).lengths.tolist() for shard, place in rows.items()}
    (own,) = [shard for shard in shards if old in names[shard]]
    told = why(Workspace(house.workspace), url)

    compacted(house)

    for shard in shards:
        found = opened_at(*place_of(store, shard))
        assert (found.document_ids.to_pylist(), found.lengths.tolist()) == (names[shard], lengths[shard])
    with pytest.raises(DamagedArtifact, match="had left it"):
        place_without(store, own, ())
    path, span = place_without(store, own, [old, *(one for one in names[own] if one != new)])
    assert span is not None and path.parent.parent.name == JOINED
    assert why(Workspace(house.workspace), url) == told


def test_nights_that_follow_make_what_they_make_without_it(house: House, twin: House) -> None:
    compacted(house)
    for own in (house, twin):
        edit(own)
        refresh(settings_of(own))
    assert content(house) == content(twin)
    assert of_tonight(house).items() <= of_tonight(twin).items()

    again = compacted(house)

    assert (again.places_before, again.places_after) == (2, 1)
    assert content(house) == content(twin) and night(house).made == {}


@pytest.mark.parametrize(
    "asked, rules",
    [
        ({"most_tokens": 900}, {}),
        ({"arrived_until": "2020-01-02"}, {}),
        *(({}, rules) for rules in OTHER_RULES.values()),
    ],
)
def test_another_query_and_other_rules_give_what_they_would_have_given(
    house: House, twin: House, asked: dict[str, object], rules: dict[str, str]
) -> None:
    compacted(house)
    for own in (house, twin):
        batches = Workspace(own.workspace).batches()
        old = [replace(one, arrived="2020-01-01") if one.number < len(batches) else one for one in batches]
        Workspace(own.workspace).save_batches(old)
        sources = json.dumps([{"kind": "files", "name": SOURCE, "path": str(own.corpus), **asked}])
        refresh(tiny_settings(own.workspace, own.corpus, **(rules or {"ingest__sources": sources})))
    assert content(house) == content(twin) and of_tonight(house).items() <= of_tonight(twin).items()

    refresh(tiny_settings(house.workspace, house.corpus))
    assert compacted(house).places_after == 1


def test_rules_that_come_back_encode_nothing_again(house: House, twin: House) -> None:
    compacted(house)
    refresh(tiny_settings(house.workspace, house.corpus, **OTHER_RULES["dedup"]))
    collect(tiny_settings(house.workspace, house.corpus, **OTHER_RULES["dedup"], **AT_ONCE))

    refresh(tiny_settings(house.workspace, house.corpus))
    refresh(tiny_settings(twin.workspace, twin.corpus))

    assert content(house) == content(twin)


def test_without_the_record_of_closed_batches_nothing_is_encoded_again(house: House) -> None:
    compacted(house)
    for record in (house.workspace / "state" / "closed").glob("*.json"):
        record.unlink()
    sealed = sealed_at(house.workspace)

    assert night(house).made == {} and sealed_at(house.workspace) == sealed


@pytest.mark.parametrize("at", ["before_seal", "before_rename", "after_rename"])
def test_a_kill_at_any_write_costs_nothing(house: House, at: str) -> None:
    before = content(house)
    words = ("compact", *arguments(house.workspace, house.corpus))

    killed = nightshift(*words, **{VARIABLE: f"joined:{at}:1"})

    assert killed.status == -9, killed.err
    assert content(house) == before
    assert nightshift(*words, "--json").status == 0
    collect(tiny_settings(house.workspace, house.corpus, **AT_ONCE))
    assert shards_apart(house) == set() and content(house) == before


def test_a_dry_run_says_what_would_be_and_changes_nothing(house: House) -> None:
    sealed = sealed_at(house.workspace)
    told = planned(tiny_settings(house.workspace, house.corpus), Workspace(house.workspace))
    assert sealed_at(house.workspace) == sealed

    done = compacted(house, is_swept=False)

    assert (told.shards, told.places_after) == (done.shards, done.places_after)
    assert told.sentence(is_dry=True).startswith("would write") and done.sentence().startswith("wrote")
    assert compacted(house).sentence() == "nothing to compact"


def test_a_place_that_is_damaged_is_missed_by_no_night(house: House) -> None:
    before = content(house)
    compacted(house)
    (joined,) = store_of(house).list("joined.tokens")
    damage(house.workspace / "artifacts" / str(joined.ref))

    settings = tiny_settings(house.workspace, house.corpus)
    found = verify(settings, Workspace(house.workspace), PlainRuntime(), {}, Wish())

    assert found.stays == 0 and content(house) == before
    assert night(house).made == {}


def test_a_damaged_place_heals_when_it_is_read(house: House, twin: House) -> None:
    names = shards_apart(house)
    compacted(house)
    (joined,) = store_of(house).list("joined.tokens")
    damage(house.workspace / "artifacts" / str(joined.ref))

    for own in (house, twin):
        edit(own)
        refresh(settings_of(own))

    assert of_tonight(house).items() <= of_tonight(twin).items()
    with pytest.raises(DamagedArtifact):  # of what no night has read since, nobody has asked
        content(house)
    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        make_what_can_be([Ref(OF_TOKENS, shard) for shard in names], here)
    assert content(house) == content(twin)


def test_who_needs_what_left_gets_the_shard_encoded_again(house: House) -> None:
    store = store_of(house)
    shards = shards_apart(house)
    tokens = {
        shard: (house.workspace / "artifacts" / OF_TOKENS / shard / "tokens.arrow").read_bytes() for shard in shards
    }
    compacted(house)
    lost = []
    for shard in sorted(shards):
        try:
            place_without(store, shard, ())
        except DamagedArtifact as exc:
            lost.append(exc)
    assert lost

    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        for exc in lost:
            make_again(exc, here)

    for exc in lost:
        path, span = place_without(store, exc.fingerprint, ())
        assert span is None and path.read_bytes() == tokens[exc.fingerprint]
    assert shards_apart(house) == {exc.fingerprint for exc in lost}
    collect(tiny_settings(house.workspace, house.corpus, **AT_ONCE))
    assert shards_apart(house) == set()


def test_an_export_is_the_same(house: House, twin: House, tmp_path: Path) -> None:
    compacted(house)
    for own, name in ((house, "own"), (twin, "other")):
        export_snapshot(Workspace(own.workspace), tmp_path / name, KINDS, lambda *_: None)

    files = {path.relative_to(tmp_path / "own") for path in (tmp_path / "own").rglob("*.parquet")}
    assert files
    for file in files:
        assert read_table(tmp_path / "own" / file).equals(read_table(tmp_path / "other" / file))
    for file in sorted(path.relative_to(tmp_path / "own") for path in (tmp_path / "own").rglob("*.arrow")):
        own, other = (pa.ipc.open_stream(tmp_path / name / file).read_all() for name in ("own", "other"))
        assert own.num_rows and own.equals(other)


@pytest.mark.parametrize(
    "url, is_swept", [("a_english.jsonl#en-9", True), ("a_english.jsonl#en-21", False), ("note_100.txt", True)]
)
def test_what_is_forgotten_leaves_it_too(house: House, url: str, is_swept: bool) -> None:
    ids = [one.document_id for one in documents(Workspace(house.workspace), url)]
    wanted = {f"id {number}": one.encode() for number, one in enumerate(ids)}
    compacted(house, is_swept=is_swept)
    assert any(JOINED in place for places in places_of(house.workspace, wanted).values() for place in places)
    before = content(house)

    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        forget(here, seek(here.workspace, url, None), is_now=True)

    assert places_of(house.workspace, wanted) == {}
    assert all(store_of(house).is_present(ref) for ref in store_of(house).everything())
    night(house)
    assert content(house) == {place: read for place, read in before.items() if place[1] not in ids}
    assert compacted(house).places_after == 1
    assert content(house) == {place: read for place, read in before.items() if place[1] not in ids}


def test_a_place_of_which_a_fifth_left_is_written_anew(house: House) -> None:
    compacted(house)
    path = house.corpus / "b_chinese.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2]) + "\n")
    (house.corpus / "copies.jsonl").write_text("")
    refresh(tiny_settings(house.workspace, house.corpus, ingest__max_gone_share="1"))
    before, weight = content(house), num_bytes_in(house.workspace / "artifacts" / JOINED)

    done = compacted(house, ingest__max_gone_share="1")

    assert done.shards and content(house) == before
    assert num_bytes_in(house.workspace / "artifacts" / JOINED) < weight
    assert compacted(house, ingest__max_gone_share="1").shards == 0


def test_what_keeps_it_from_being_done_keeps_no_gc_from_its_work(house: House) -> None:
    before = content(house)
    (house.workspace / "artifacts" / JOINED).write_text("")

    with night_here(settings_of(house)) as here:
        done = compact_or_say(here)

    assert done.shards == 0 and done.notes[0].startswith("nothing was compacted: ") and "File exists" in done.notes[0]
    collect(tiny_settings(house.workspace, house.corpus, **AT_ONCE))
    assert content(house) == before


def test_what_is_large_enough_lies_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(house)
    monkeypatch.setattr(compaction, "MOST_SHARDS", 3)

    done = compacted(house)

    assert done.places_after == -(-done.places_before // 3) and content(house) == before
    assert compacted(house).shards == 0
