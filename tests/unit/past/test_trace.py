"""Which model read which document: computed afterwards, and equal to what real trainings were given, row by row."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.past.reads import DocumentRead, documents_read
from pipeline_lib.past.trace import Benchmark, Seen, Share, benchmarks_with, models_beside, trainings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from tests.trained_nights import WITHDRAWN, Nights, make_nights, url_of

MODELS = ("first", "second", "third")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Three nights that trained. Never change them."""
    return make_nights(tmp_path_factory.mktemp("nights") / "workspace")


@pytest.fixture
def store(nights: Nights) -> Store:
    return nights.workspace.store


@pytest.fixture
def copied(nights: Nights, tmp_path: Path) -> Store:
    """A copy of their artifacts, to lose some."""
    shutil.copytree(nights.workspace.store.root, tmp_path / "artifacts")
    return Store(tmp_path / "artifacts")


def _lose(store: Store, *refs: Ref) -> None:
    for ref in refs:
        shutil.rmtree(store.path(ref.stage, ref.fingerprint))


def _read(nights: Nights, store: Store, model: str, first: int, last: int) -> dict[str, int]:
    found = list(documents_read(store, nights.models[model], first, last))
    assert len({one.document_id for one in found}) == len(found)
    return {one.document_id: one.num_read for one in found}


def _steps(nights: Nights, model: str, which: str = "num_steps") -> int:
    steps: int = nights.models[model].facts[which]
    return steps


def _seen(nights: Nights, store: Store, document: str) -> dict[str, Seen]:
    names = {nights.models[name].fingerprint: name for name in MODELS}
    return {names[one.model]: one for one in models_beside(store, nights.stories[document])}


def test_the_three_nights_are_what_these_tests_are_about(nights: Nights) -> None:
    """One night ends amid unread text, one begins a second pass, one replays, and behind it reads all again."""
    first, second, third = (nights.models[name].facts["read"] for name in MODELS)
    assert first["portions"][0]["num_read"] < first["portions"][0]["num_samples"]
    assert [portion["epoch"] for portion in second["portions"]] == [0, 0, 1]
    assert third["num_replay_rows"] > 0
    num_rows = third["num_new_rows"] + third["num_replay_rows"]
    assert num_rows < nights.models["third"].facts["num_rows"]
    assert WITHDRAWN in nights.read("first", 0, 1) or WITHDRAWN in nights.read("first", 1, 2)
    assert nights.held_out


@pytest.mark.parametrize("model", MODELS)
def test_what_all_steps_read_is_what_the_training_was_given(nights: Nights, store: Store, model: str) -> None:
    num_steps = _steps(nights, model)
    assert len(nights.given[model]) == num_steps
    assert _read(nights, store, model, 0, num_steps) == nights.read(model, 0, num_steps)


@pytest.mark.parametrize("model", MODELS)
def test_each_step_names_its_documents_and_their_tokens(nights: Nights, store: Store, model: str) -> None:
    for step in range(_steps(nights, model)):
        assert _read(nights, store, model, step, step + 1) == nights.read(model, step, step + 1)


def test_a_document_is_listed_with_its_url_its_batch_and_its_length(nights: Nights, store: Store) -> None:
    listed = {one.document_id: one for one in documents_read(store, nights.models["third"], 0, _steps(nights, "third"))}
    num_read = nights.read("third", 0, _steps(nights, "third"))["d1"]
    assert listed["d1"] == DocumentRead(url_of("d1"), "d1", "docs", "0003-three", 45, num_read)
    assert [one.batch for one in listed.values()] == sorted(one.batch for one in listed.values())


def test_urls_come_from_the_scrubbed_text_where_the_raw_shard_is_gone(nights: Nights, copied: Store) -> None:
    _lose(copied, Ref("ingest", "raw-three-0"), Ref("ingest", "raw-three-1"), Ref("scrub", "three-1"))
    urls = {one.document_id: one.url for one in documents_read(copied, nights.models["third"], 0, 11)}
    assert (urls["d1"], urls["e1"]) == (url_of("d1"), None)
    _lose(copied, Ref("ingest", "one"))  # which raw shards it had is not known any more
    assert urls == {one.document_id: one.url for one in documents_read(copied, nights.models["third"], 0, 11)}


@pytest.mark.parametrize("lost", [Ref("tokenize", "three-0"), Ref("tokenize", "one-1"), "trunk", "snapshot"])
def test_what_a_training_read_is_not_told_when_something_of_it_is_gone(
    nights: Nights, copied: Store, lost: Ref | str
) -> None:
    model = nights.models["third"]
    _lose(copied, lost if isinstance(lost, Ref) else model.inputs[lost])
    with pytest.raises(DataError, match=r"it read cannot be told any more, since .*/.* is gone or damaged"):
        list(documents_read(copied, model, 0, 1))
    own = _seen(nights, copied, "d1")["third"].own
    assert own is not None
    assert own.num_read is None


def test_a_training_of_another_release_is_not_computed_with_this_one(nights: Nights, store: Store) -> None:
    with pytest.raises(DataError, match=r"train\.model@0 read in another way than this release"):
        list(documents_read(store, replace(nights.models["first"], version=0), 0, 1))


def test_a_model_has_of_a_document_what_its_own_steps_and_the_trunks_before_read(nights: Nights, store: Store) -> None:
    own = {name: nights.read(name, 0, _steps(nights, name)) for name in MODELS}
    trunks = {name: nights.read(name, 0, _steps(nights, name, "trunk_steps")) for name in MODELS}
    assert any(own[name] != trunks[name] for name in MODELS)
    for document in nights.tokens.keys() - nights.held_out:
        seen = _seen(nights, store, document)
        for number, name in enumerate(MODELS):
            before = {nights.models[other].fingerprint: trunks[other].get(document, 0) for other in MODELS[:number]}
            inherited = {} if name not in seen else {one.training: one.num_inherited for one in seen[name].inherited}
            assert inherited == {training: count for training, count in before.items() if count}
            share = seen[name].own if name in seen else None
            counts = (0, 0) if share is None else (share.num_read, share.num_inherited)
            assert counts == (own[name].get(document, 0), trunks[name].get(document, 0))


def test_a_document_of_a_later_batch_has_nothing_to_do_with_an_earlier_model(nights: Nights, store: Store) -> None:
    assert list(_seen(nights, store, "d1")) == ["third"]


def test_a_model_that_had_a_document_and_did_not_come_to_it_says_so(nights: Nights, store: Store) -> None:
    missed = [name for name in ("a0", "a3", "b0", "b3") if name not in nights.read("first", 0, 99)]
    share = _seen(nights, store, missed[0])["first"].own
    length = len(nights.tokens[missed[0]])
    assert share == Share(nights.models["first"].fingerprint, length, 0, 0)


def test_a_withdrawn_document_is_known_by_those_alone_that_went_on_from_who_read_it(
    nights: Nights, store: Store
) -> None:
    seen = _seen(nights, store, WITHDRAWN)
    assert seen["first"].own is not None
    assert (seen["second"].own, seen["third"].own) == (None, None)
    assert [share.num_inherited for share in seen["third"].inherited] == [nights.read("first", 0, 2)[WITHDRAWN]]


def test_a_held_out_document_is_in_benchmarks_and_in_no_model(nights: Nights, store: Store) -> None:
    for document in nights.held_out:
        assert models_beside(store, nights.stories[document]) == []
    assert "b1" in nights.held_out
    assert benchmarks_with(store, "b1") == [Benchmark("frozen", 1)]
    assert benchmarks_with(store, "a0") == []


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_is_damaged_may_have_learned_a_document_and_so_may_who_goes_on_from_it(
    nights: Nights, copied: Store, model: str
) -> None:
    """Else a certificate of what is forgotten would pass it over."""
    document = next(name for name in sorted(nights.read("first", 0, 2)) if name != WITHDRAWN)
    ref = nights.models[model].ref
    manifest = copied.path(ref.stage, ref.fingerprint) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    seen = _seen(nights, copied, document)
    assert seen.keys() == set(MODELS)
    unknown = Share(ref.fingerprint, None, None, None)
    assert seen[model] == Seen(ref.fingerprint, unknown, ())
    assert all(unknown in seen[heir].inherited for heir in MODELS[MODELS.index(model) + 1 :][:1])
    for held_out in nights.held_out:
        assert models_beside(copied, replace(nights.stories[held_out], is_held_out=True)) == []


def test_a_document_that_was_dropped_before_it_had_tokens_is_in_no_model(nights: Nights, store: Store) -> None:
    assert models_beside(store, replace(nights.stories["a0"], document_id="dropped", url="dropped.txt")) == []


def test_a_model_is_traced_to_its_batches_and_its_ancestors(nights: Nights, store: Store) -> None:
    third, second, first = trainings(store, nights.models["third"].fingerprint)
    assert [first.trunk, second.trunk, third.trunk] == [None, first.fingerprint, second.fingerprint]
    assert (first.tokenizer, first.num_steps, first.trunk_steps) == ("tokenizer", 3, 2)
    assert first.num_tokens == 3 * 2 * 16
    assert first.snapshot is not None
    assert second.snapshot is not None
    (one,) = first.snapshot.batches
    trained = [len(own) for name, own in nights.tokens.items() if name[0] in "ab" and name not in nights.held_out]
    assert (one.label, one.source, one.num_documents, one.num_tokens) == (
        "0001-one",
        "docs",
        len(trained),
        sum(trained),
    )
    assert one.num_held_out == sum(name[0] in "ab" for name in nights.held_out)
    assert (first.snapshot.num_left_out, second.snapshot.num_left_out) == (0, 1)
    assert [part.num_documents for part in second.snapshot.batches] == [len(trained) - 1, 2]


def test_a_trace_says_how_much_of_a_batch_its_trunk_has_read(nights: Nights, store: Store) -> None:
    third, second, first = trainings(store, nights.models["third"].fingerprint)
    told = [[part.is_read for part in one.snapshot.batches] for one in (first, second, third) if one.snapshot]
    assert told == [["in part"], ["all", "all"], ["all", "all", "all"]]


def test_a_trace_ends_where_an_ancestor_is_gone(nights: Nights, copied: Store) -> None:
    _lose(copied, nights.models["first"].ref)
    found = trainings(copied, nights.models["third"].fingerprint)
    assert [one.fingerprint for one in found] == [nights.models[name].fingerprint for name in ("third", "second")]
    with pytest.raises(DamagedArtifact):
        trainings(copied, nights.models["first"].fingerprint)


def test_a_training_is_shown_without_its_snapshot_where_that_is_gone(nights: Nights, copied: Store) -> None:
    _lose(copied, nights.models["first"].inputs["snapshot"])
    (found,) = trainings(copied, nights.models["first"].fingerprint)
    assert (found.snapshot, found.num_steps) == (None, 3)


@pytest.mark.parametrize("module", ["pipeline_lib.past.trace", "pipeline_lib.past.reads", "flows.show.trace"])
def test_to_trace_needs_no_torch(module: str) -> None:
    heavy = "{'torch', 'transformers', 'mlflow', 'pandas', 'prefect'} & set(sys.modules)"
    command = [sys.executable, "-c", f"import sys, {module}; print(sorted({heavy}))"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
