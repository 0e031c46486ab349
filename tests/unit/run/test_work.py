"""Works and steps: made once, made again only when damaged, stopped before too much is lost."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DamagedArtifact, DataError, GuardStop
from pipeline_lib.run.work import Job, Limits, Step, Work, execute, missing, provenance, run_step, sum_shards
from pipeline_lib.settings.tree import GuardSettings
from pipeline_lib.store.artifact import Manifest, Outcome, Store, fingerprint

GUARDS = GuardSettings(max_drop_share=0.9, max_drop_increase=0.3, min_documents=10)


@dataclass
class Recorder:
    """An engine that works in this process and remembers what it was asked to do, and by when."""

    asked: list[str]
    deadlines: list[float]

    def map(self, function: Any, jobs: Sequence[Job], *, deadline_seconds: float, what: str) -> Iterator[Any]:
        self.deadlines.append(deadline_seconds)
        for index, job in enumerate(jobs):
            self.asked.append(f"{what}: {job.work.name}")
            yield index, function(job)

    def call(self, function: Any, job: Job, *, deadline_seconds: float, what: str) -> Any:
        return next(iter(self.map(function, [job], deadline_seconds=deadline_seconds, what=what)))[1]


@pytest.fixture
def engine() -> Recorder:
    return Recorder([], [])


def write(text: str, outcome: Outcome, *, store: Store, folder: Path) -> Outcome:
    (folder / "text.txt").write_text(text)
    return replace(outcome, facts={**outcome.facts, "process": os.getpid()})


def fail(*, store: Store, folder: Path) -> Outcome:
    (folder / "half.txt").write_text("ha")
    raise DataError("broken shard")


def add_up(names: Sequence[str], stage: str, *, store: Store, folder: Path) -> Outcome:
    return sum_shards([store.read(stage, name) for name in names])


def shard(number: int, outcome: Outcome, stage: str = "clean") -> Work:
    make = partial(write, f"text {number}", outcome)
    inputs = (f"in-{number}", f"of {outcome.rows_in} documents")
    name = fingerprint(stage, 1, {}, inputs)
    return Work(stage, 1, "shard", name, "documents.v1", {}, inputs, make, name=f"shard {number}")


def step_of(*outcomes: Outcome, stage: str = "clean", previous: str | None = None) -> Step:
    shards = tuple(shard(number, outcome, stage) for number, outcome in enumerate(outcomes))
    names = tuple(work.fingerprint for work in shards)
    make = partial(add_up, names, stage)
    whole = Work(
        stage, 1, "batch", fingerprint(stage, 1, {}, names), "batch.v1", {}, names, make, shards=names, name="batch"
    )
    return Step(stage, "0001-docs", shards, whole, previous=previous)


def run(step: Step, store: Store, engine: Any, **more: Any) -> Any:
    return run_step(step, store, engine, more.pop("guards", GUARDS), deadline_seconds=60.0, **more)


def kept(rows: int, out: int, **facts: Any) -> Outcome:
    return Outcome(rows, out, {"too_few_words": rows - out} if rows > out else {}, facts=facts)


def test_a_work_is_made_with_all_that_names_it_and_where_it_came_from(store: Store) -> None:
    work = shard(0, kept(3, 2))
    made = execute(Job(work, store.root))
    assert (made.fingerprint, made.inputs, made.rows_in, made.rows_out) == (work.fingerprint, work.inputs, 3, 2)
    assert made.dropped == {"too_few_words": 1}
    assert store.open("clean", work.fingerprint).file("text.txt").read_text() == "text 0"
    assert made.made.keys() == {"seconds", "created", "revision", "python", "libraries"}
    assert made.made["libraries"]["pyarrow"] == provenance()["libraries"]["pyarrow"]


def test_a_work_that_is_there_is_not_made_again(store: Store) -> None:
    work = shard(0, kept(3, 2))
    made = execute(Job(work, store.root))
    assert execute(Job(replace(work, make=fail), store.root)) == made


def test_a_work_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(DataError, match=r"^broken shard$"):
        execute(Job(replace(shard(0, kept(1, 1)), make=fail), store.root))
    assert list((store.root / "clean").iterdir()) == []


def test_a_step_makes_its_shards_then_the_batch_and_tells_how_far_it_is(store: Store, engine: Recorder) -> None:
    step, told = step_of(kept(3, 2, num_words=5), kept(4, 4, num_words=7)), []
    result = run(step, store, engine, on_progress=lambda done, total: told.append((done, total)))
    assert engine.asked == [f"clean 0001-docs: {name}" for name in ("shard 0", "shard 1", "batch")]
    assert engine.deadlines == [60.0, 60.0]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (result.is_cached, result.num_done, result.num_reused) == (False, 3, 0)
    assert (result.rows_in, result.rows_out, result.dropped) == (7, 6, {"too_few_words": 1})
    assert result.facts["num_words"] == 12
    assert result.ref.fingerprint == step.whole.fingerprint


def test_a_step_that_is_there_is_cached_and_asks_no_worker(store: Store, engine: Recorder) -> None:
    step = step_of(kept(3, 2), kept(4, 4))
    first = run(step, store, engine)
    engine.asked.clear()
    again = run(step, store, engine)
    assert engine.asked == []
    assert (again.is_cached, again.num_done, again.num_reused, again.seconds) == (True, 0, 3, 0.0)
    assert (again.ref, again.dropped) == (first.ref, first.dropped)


@pytest.mark.parametrize(("number", "name"), [(0, "shard 0"), (1, "shard 1"), (2, "batch")])
def test_only_what_is_missing_or_damaged_is_made_again(store: Store, engine: Recorder, number: int, name: str) -> None:
    step = step_of(kept(3, 2), kept(4, 4))
    run(step, store, engine)
    created = {work.name: store.read("clean", work.fingerprint).made["created"] for work in step.works}
    folder = store.path("clean", step.works[number].fingerprint)
    (folder / ("manifest.json" if name == "batch" else "text.txt")).write_text("tixt 0")
    engine.asked.clear()
    assert [work.name for work in missing(step, store)] == [name]
    result = run(step, store, engine)
    assert engine.asked == [f"clean 0001-docs: {name}"]
    assert (result.num_done, result.num_reused) == (1, 2)
    for work in step.works:
        is_same = store.read("clean", work.fingerprint).made["created"] == created[work.name]
        assert is_same == (work.name != name)


def test_a_failing_shard_stops_the_step_and_the_finished_ones_stay(store: Store, engine: Recorder) -> None:
    step = step_of(kept(3, 2), kept(4, 4), kept(5, 5))
    broken = replace(step.shards[1], make=fail)
    with pytest.raises(DataError, match=r"^broken shard$"):
        run(replace(step, shards=(step.shards[0], broken, step.shards[2])), store, engine)
    assert [work.name for work in missing(step, store)] == ["shard 1", "shard 2", "batch"]
    assert run(step, store, engine).num_reused == 1


def test_a_step_that_runs_here_asks_no_worker(store: Store, engine: Recorder) -> None:
    work = replace(shard(0, kept(1, 1), "train"), kind="batch")
    result = run(Step("train", "model", (), work, runs_here=True), store, engine)
    assert engine.asked == []
    assert result.facts["process"] == os.getpid()


def test_a_step_that_loses_too_much_stops_before_its_batch_is_sealed(store: Store, engine: Recorder) -> None:
    step = step_of(kept(10, 0), kept(10, 1))
    with pytest.raises(GuardStop, match=r"^clean 0001-docs: 19 of 20 documents \(95%\) would go \(too_few_words 19\)"):
        run(step, store, engine)
    assert [work.name for work in missing(step, store)] == ["batch"]
    raised = GUARDS.model_copy(update={"max_drop_share": 0.95})
    assert run(step, store, engine, guards=raised).num_reused == 2


@pytest.mark.parametrize("stage", ["ingest", "evaluate"])
def test_ingest_judges_its_own_input_and_a_sample_is_no_loss(store: Store, engine: Recorder, stage: str) -> None:
    assert run(step_of(kept(20, 0), stage=stage), store, engine).rows_out == 0


def test_a_step_that_loses_far_more_than_the_batch_before_stops(store: Store, engine: Recorder) -> None:
    before = step_of(kept(20, 19))
    run(before, store, engine)
    step = step_of(kept(30, 18), kept(10, 6), previous=before.whole.fingerprint)
    with pytest.raises(GuardStop, match=r"40%\) would go .*, against 5% .*guards.max_drop_increase is 30%"):
        run(step, store, engine)
    run(replace(step, previous=None), store, engine)


def limits(usual: float | None) -> Limits:
    return Limits("0002-docs", GUARDS, usual)


@pytest.mark.parametrize(
    ("usual", "rows", "out"),
    [
        (None, 20, 2),  # exactly the largest share that may go
        (0.25, 20, 9),  # exactly the largest increase
        (None, 9, 0),  # too few documents to judge by shares
        (0.0, 0, 0),
    ],
)
def test_limits_let_pass_up_to_the_limit(usual: float | None, rows: int, out: int) -> None:
    limits(usual).check("clean", kept(rows, out))


@pytest.mark.parametrize(("usual", "rows", "out"), [(None, 20, 1), (0.25, 20, 8), (None, 10, 0)])
def test_limits_stop_beyond(usual: float | None, rows: int, out: int) -> None:
    with pytest.raises(GuardStop, match=r"Nothing was passed on\. Correct \[clean\]"):
        limits(usual).check("clean", kept(rows, out))


def test_a_batch_before_with_few_documents_says_nothing(store: Store, engine: Recorder) -> None:
    before = step_of(kept(9, 9))
    run(before, store, engine)
    assert run(step_of(kept(20, 4), previous=before.whole.fingerprint), store, engine).rows_out == 4


def test_sums_add_counts_and_keep_other_facts_of_the_first_shard() -> None:
    total = sum_shards(
        [manifest(5, {"a": 1, "b": 2}, {"num_x": 1, "v": 3}), manifest(3, {"b": 1}, {"num_x": 2, "v": 4})]
    )
    assert (total.rows_in, total.rows_out) == (8, 4)
    assert total.dropped == {"a": 1, "b": 3}
    assert total.facts == {"num_x": 3, "v": 3}
    assert sum_shards([]) == Outcome(0, 0)


def manifest(rows: int, dropped: Mapping[str, int], facts: Mapping[str, Any]) -> Manifest:
    out = rows - sum(dropped.values())
    return Manifest("clean", 1, "shard", "x", "s", {}, (), (), (), rows, out, dropped, facts, {})


def test_an_input_that_is_damaged_in_between_is_an_error_that_names_the_file(store: Store) -> None:
    work = shard(0, kept(1, 1))
    execute(Job(work, store.root))
    (store.path("clean", work.fingerprint) / "text.txt").write_text("tixt 0")
    with pytest.raises(DamagedArtifact, match=r"text\.txt: missing, or its sha256 differs"):
        store.open("clean", work.fingerprint)
