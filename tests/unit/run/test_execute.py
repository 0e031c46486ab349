"""Works and steps: made once, made again only when damaged, stopped before too much is lost."""

import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DamagedArtifact, DataError, GuardStop
from pipeline_lib.run.execute import Bench, Graph, execute, in_order, provenance, run_step, store_of, wanted
from pipeline_lib.run.guard import GuardSettings, Limits, limits_of
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.lists import MOST_MEMBERS, list_works, sum_of
from pipeline_lib.run.maker import Maker, Work, work_of
from pipeline_lib.run.step import Done, Step
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import INCOMING, Store
from tests.flips import flip_unseen

GUARDS = GuardSettings(max_drop_share=0.9, max_drop_increase=0.3, min_documents=10)


def write(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """A shard of `rows` documents of which `out` are kept."""
    rows, out = inputs.params["rows"], inputs.params["out"]
    (folder / "text.txt").write_text(f"text {rows}")
    return Outcome(rows, out, {"too_few_words": rows - out} if rows > out else {}, facts={"num_words": rows})


def copy(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """What a shard after it makes of the text."""
    (folder / "copy.txt").write_text(inputs.file("text", "text.txt").read_text().upper())
    return Outcome(1, 1)


def copy_on(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    (folder / "text.txt").write_text(inputs.file("text", "text.txt").read_text())
    return Outcome(1, 1)


def rotten(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """What is read has changed just before, without a trace."""
    text = inputs.named["text"]
    flip_unseen(inputs.store.path(text.stage, text.fingerprint) / "text.txt")
    return copy(_settings, inputs, folder)


def fail(_settings: None, _inputs: Inputs, folder: Path) -> Outcome:
    (folder / "half.txt").write_text("ha")
    raise DataError("broken shard")


def where(_settings: None, _inputs: Inputs, _folder: Path) -> Outcome:
    return Outcome(0, 0, facts={"process": os.getpid()})


WRITE = Maker("clean.text", 1, "documents.v2", write)
COPY = Maker("clean.copy", 1, "copies.v1", copy)


@dataclass
class Recorder:
    """An engine that works in this process and remembers what it was asked to do, and by when."""

    asked: list[str]
    deadlines: list[float]

    def map(self, function: Any, jobs: Sequence[Any], *, deadline_seconds: float, what: str) -> Iterator[Any]:
        self.deadlines.append(deadline_seconds)
        for index, job in enumerate(jobs):
            works = job if isinstance(job, tuple) else (job,)
            self.asked += [f"{what}: {work.name}" for work in works]
            yield index, function(pickle.loads(pickle.dumps(job)))

    def call(self, function: Any, job: Work, *, deadline_seconds: float, what: str) -> Any:
        return next(iter(self.map(function, [job], deadline_seconds=deadline_seconds, what=what)))[1]


@pytest.fixture
def engine() -> Recorder:
    return Recorder([], [])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_of(tmp_path)


def shard(number: int, rows: int, out: int) -> Work:
    return work_of(WRITE, params={"number": number, "rows": rows, "out": out}, name=f"shard {number}")


def graph_of(*steps: Step) -> Graph:
    return {work.ref: work for step in steps for work in step.works}


def step_of(*shards: tuple[int, int], is_copied: bool = False, previous: Ref | None = None) -> Step:
    """A step of these shards, each (rows, out), and the list of them; copied, each shard has a second work."""
    texts = [shard(number, *counts) for number, counts in enumerate(shards)]
    chains = [
        (text, work_of(COPY, text=text.ref, name=f"{text.name}: copy")) if is_copied else (text,) for text in texts
    ]
    wholes = list_works("clean", [text.ref for text in texts])
    step = Step("clean", "0001-docs", tuple(chains), wholes, wholes[-1], previous=previous)
    return replace(step, todo=frozenset(work.ref for work in step.works))


def run(step: Step, store: Store, engine: Any, *, limits: Limits | None = None, **more: Any) -> Done:
    graph = more.pop("graph", graph_of(step))
    return run_step(step, Bench(store.root.parent, engine, graph, 60.0), limits, **more)


def test_a_work_is_made_with_all_that_names_it_and_where_it_came_from(store: Store) -> None:
    work = shard(0, 3, 2)
    made = execute(work, store.root.parent)
    assert (made.fingerprint, made.maker, made.version, made.rows_in, made.rows_out) == (
        work.fingerprint,
        "clean.text",
        1,
        3,
        2,
    )
    assert made.settings == {"number": 0, "rows": 3, "out": 2}
    assert store.open("clean", work.fingerprint).file("text.txt").read_text() == "text 3"
    assert made.made.keys() == {"seconds", "cpu_seconds", "created", "revision", "python", "libraries"}
    assert made.made["cpu_seconds"].keys() == {"clean.text"}
    assert made.made["libraries"]["pyarrow"] == provenance()["libraries"]["pyarrow"]


def test_a_work_is_named_by_maker_version_parameters_and_the_names_of_its_inputs() -> None:
    base = work_of(COPY, params={"a": 1}, text=Ref("clean", "x"), other=Ref("clean", "y"))
    others = [
        replace(base, maker=replace(COPY, version=2)),
        replace(base, maker=replace(COPY, name="clean.other")),
        replace(base, params={"a": 2}),
        work_of(COPY, params={"a": 1}, text=Ref("clean", "y"), other=Ref("clean", "x")),
        work_of(COPY, params={"a": 1}, text=Ref("clean", "x"), third=Ref("clean", "y")),
    ]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6
    assert replace(base, beside={"plan": Ref("ingest", "z")}, name="for people").fingerprint == base.fingerprint


def test_a_work_that_is_there_is_not_made_again(store: Store) -> None:
    work = shard(0, 3, 2)
    made = execute(work, store.root.parent)
    assert execute(replace(work, beside={"missing": Ref("x", "y")}), store.root.parent) == made


def test_a_work_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(DataError, match=r"^broken shard$"):
        execute(work_of(replace(WRITE, make=fail)), store.root.parent)
    assert list(store.root.rglob("*")) == [store.root / INCOMING]


def test_a_step_makes_its_chains_then_the_list_and_tells_how_far_it_is(store: Store, engine: Recorder) -> None:
    step, told = step_of((3, 2), (4, 4)), []
    result = run(step, store, engine, on_progress=lambda done, total: told.append((done, total)))
    assert engine.asked == ["clean 0001-docs: shard 0", "clean 0001-docs: shard 1"]
    assert engine.deadlines == [60.0]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (result.is_cached, result.num_done, result.num_reused) == (False, 3, 0)
    assert (result.rows_in, result.rows_out, result.dropped) == (7, 6, {"too_few_words": 1})
    assert (result.facts["num_words"], result.ref) == (7, step.whole.ref)


def test_what_chains_wait_for_is_made_beside_the_others_and_before_them(store: Store, engine: Recorder) -> None:
    """Two files that are read for several chains, a chain that needs neither, and one of which the first is there."""
    first, second = (shard(number, 3, 3) for number in (8, 9))
    waiting = [
        (work_of(COPY, params={"part": part}, text=one.ref, name=f"part {part} of {one.name}"),)
        for one in (first, second)
        for part in range(2)
    ]
    alone = shard(0, 3, 3)
    wholes = list_works("clean", [chain[0].ref for chain in (*waiting, (alone,))])
    step = Step("clean", "0001-docs", (*waiting, (alone,)), wholes, wholes[-1], firsts=(first, second))
    step = replace(step, todo=frozenset(work.ref for work in step.works))
    execute(first, store.root.parent)
    told: list[tuple[int, int]] = []
    result = run(step, store, engine, on_progress=lambda done, total: told.append((done, total)))
    names = [name.removeprefix("clean 0001-docs: ") for name in engine.asked]
    assert names == [
        "shard 9",
        "part 0 of shard 8",
        "part 1 of shard 8",
        "shard 0",
        "part 0 of shard 9",
        "part 1 of shard 9",
    ]
    assert len(engine.deadlines) == 2  # those that wait come by themselves
    assert (told[0], told[-1]) == ((2, 8), (8, 8))
    assert (result.num_done, result.num_reused) == (7, 1)


def test_a_chain_is_made_in_its_order_by_one_worker(store: Store, engine: Recorder) -> None:
    step = step_of((3, 2), (4, 4), is_copied=True)
    run(step, store, engine)
    assert [line.partition(": ")[2] for line in engine.asked] == [
        "shard 0",
        "shard 0: copy",
        "shard 1",
        "shard 1: copy",
    ]
    copied = store.open("clean", step.chains[1][1].fingerprint).file("copy.txt")
    assert copied.read_text() == "TEXT 4"


def test_a_step_that_is_there_is_cached_and_asks_no_worker(store: Store, engine: Recorder) -> None:
    step = step_of((3, 2), (4, 4))
    first = run(step, store, engine)
    engine.asked.clear()
    again = run(step, store, engine)
    assert engine.asked == []
    assert (again.is_cached, again.num_done, again.num_reused, again.seconds) == (True, 0, 3, 0.0)
    assert (again.ref, again.dropped) == (first.ref, first.dropped)


@pytest.mark.parametrize("number", [0, 1])
def test_only_what_is_missing_or_damaged_is_made_again(store: Store, engine: Recorder, number: int) -> None:
    step = step_of((3, 2), (4, 4))
    run(step, store, engine)
    created = {work.name: store.read("clean", work.fingerprint).created for work in step.works}
    (store.path("clean", step.works[number].fingerprint) / "text.txt").write_text("tixt 0")
    assert [work.name for work in step.missing(store)] == [f"shard {number}"]
    assert (result := run(step, store, engine)).num_done == 1 and result.num_reused == 2
    for work in step.works:
        is_same = store.read("clean", work.fingerprint).created == created[work.name]
        assert is_same == (work.name != f"shard {number}")


def test_what_is_not_wanted_is_not_made(store: Store, engine: Recorder) -> None:
    step = step_of((3, 2), (4, 4), is_copied=True)
    copies = {chain[1].ref for chain in step.chains}
    wanted_only = replace(step, todo=step.todo - copies)
    assert run(wanted_only, store, engine).num_done == 3
    assert not any(store.is_present(ref) for ref in copies)


def test_nobody_looks_behind_what_is_whole(store: Store, engine: Recorder) -> None:
    step = step_of((3, 2), is_copied=True)
    graph, (text, copied) = graph_of(step), step.chains[0]
    assert wanted([copied.ref], graph, store) == {text.ref, copied.ref}
    run(step, store, engine)
    (store.path("clean", text.fingerprint) / "manifest.json").unlink()
    assert wanted([copied.ref], graph, store) == frozenset()
    assert wanted([text.ref], graph, store) == {text.ref}


def test_an_input_that_is_damaged_is_made_again_in_the_same_night(store: Store, engine: Recorder) -> None:
    step = step_of((3, 2), (4, 4), is_copied=True)
    run(step, store, engine)
    text, copied = step.chains[0]
    (store.path("clean", copied.fingerprint) / "manifest.json").unlink()
    path = store.path("clean", text.fingerprint) / "text.txt"
    stamp = path.stat()
    path.write_text("tixt 3")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # rot: the time is as it was
    assert store.is_present(text.ref)
    result = run(replace(step, todo=frozenset([copied.ref])), store, engine)
    assert store.open("clean", copied.fingerprint).file("copy.txt").read_text() == "TEXT 3"
    assert store.open("clean", text.fingerprint).file("text.txt").read_text() == "text 3"
    assert result.num_done == 2


def test_damage_behind_damage_is_mended_in_the_same_night(store: Store, engine: Recorder) -> None:
    """Each is only met when the one before it is made again."""
    works = [shard(0, 3, 2)]
    for number in range(3):
        works.append(work_of(replace(COPY, make=copy_on), text=works[-1].ref, name=f"copy {number}"))
    for work in works[:-1]:
        execute(work, store.root.parent)
    for work in works[:-1]:
        path = store.path("clean", work.fingerprint) / "text.txt"
        stamp = path.stat()
        path.write_text("tixt 3")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert store.is_present(work.ref)
    step = Step("clean", "0001-docs", (), (works[-1],), works[-1], todo=frozenset([works[-1].ref]))
    run(step, store, engine, graph={work.ref: work for work in works})
    for work in works:
        assert store.open("clean", work.fingerprint).file("text.txt").read_text() == "text 3"


def test_however_many_inputs_are_damaged_all_are_made_again(store: Store, engine: Recorder) -> None:
    step = step_of(*((rows, rows) for rows in range(1, 31)), is_copied=True)
    run(step, store, engine)
    for text, copied in step.chains:
        (store.path("clean", copied.fingerprint) / "manifest.json").unlink()
        flip_unseen(store.path("clean", text.fingerprint) / "text.txt")
    copies = frozenset(copied.ref for _, copied in step.chains)
    run(replace(step, todo=copies), store, engine)
    for rows, (text, copied) in enumerate(step.chains, start=1):
        assert store.open("clean", text.fingerprint).file("text.txt").read_text() == f"text {rows}"
        assert store.open("clean", copied.fingerprint).file("copy.txt").read_text() == f"TEXT {rows}"


def test_what_is_damaged_as_soon_as_it_is_made_ends_the_step(store: Store, engine: Recorder) -> None:
    """A disk that keeps nothing."""
    text = shard(0, 3, 2)
    execute(text, store.root.parent)

    copied = work_of(replace(COPY, make=rotten), text=text.ref, name="copy")
    step = Step("clean", "0001-docs", (), (copied,), copied, todo=frozenset([copied.ref]))
    with pytest.raises(DamagedArtifact, match="is damaged again, though it was just made"):
        run(step, store, engine, graph={work.ref: work for work in (text, copied)})


def test_a_damaged_input_that_nobody_can_make_is_named(store: Store, engine: Recorder) -> None:
    text = shard(0, 3, 2)
    execute(text, store.root.parent)
    copied = work_of(COPY, text=text.ref, name="copy")
    path = store.path("clean", text.fingerprint) / "text.txt"
    path.write_text("tixt 3")
    step = Step("clean", "0001-docs", (), (copied,), copied, todo=frozenset([copied.ref]))
    with pytest.raises(DamagedArtifact, match=r"text\.txt: missing, or its sha256 differs"):
        run(step, store, engine)


def test_works_come_behind_those_that_they_need() -> None:
    step = step_of((3, 2), (4, 4), is_copied=True)
    graph = graph_of(step)
    order = in_order(graph, graph)
    assert sorted(order) == sorted(graph)
    assert all(order.index(before) < order.index(ref) for ref in order for before in graph[ref].needs)


def test_a_failing_shard_stops_the_step_and_the_finished_ones_stay(store: Store, engine: Recorder) -> None:
    step = step_of((3, 2), (4, 4), (5, 5))
    broken = work_of(replace(WRITE, make=fail), params={"number": 1, "rows": 4, "out": 4}, name="shard 1")
    with pytest.raises(DataError, match=r"^broken shard$"):
        run(replace(step, chains=(step.chains[0], (broken,), step.chains[2])), store, engine)
    assert [work.name for work in step.missing(store)] == ["shard 1", "shard 2", "batch"]
    assert run(step, store, engine).num_reused == 1


def test_light_work_is_done_here_and_asks_no_worker(store: Store, engine: Recorder) -> None:
    work = work_of(Maker("train.model", 1, "model.v1", where, is_light=True))
    result = run(Step("train", "model", (), (work,), work, todo=frozenset([work.ref])), store, engine)
    assert engine.asked == []
    assert result.facts["process"] == os.getpid()


def test_a_step_that_loses_too_much_stops_before_its_list_is_sealed(store: Store, engine: Recorder) -> None:
    step = step_of((10, 0), (10, 1))
    with pytest.raises(GuardStop, match=r"^clean 0001-docs: 19 of 20 documents \(95%\) would go \(too_few_words 19\)"):
        run(step, store, engine, limits=limits_of("0001-docs", GUARDS, None))
    assert [work.name for work in step.missing(store)] == ["batch"]
    raised = GUARDS.model_copy(update={"max_drop_share": 0.95})
    assert run(step, store, engine, limits=limits_of("0001-docs", raised, None)).num_reused == 2


def test_a_step_that_loses_far_more_than_the_batch_before_stops(store: Store, engine: Recorder) -> None:
    before = step_of((20, 19))
    run(before, store, engine)
    manifest = store.read("clean", before.whole.fingerprint)
    with pytest.raises(GuardStop, match=r"40%\) would go .*, against 5% .*guards.max_drop_increase is 30%"):
        run(step_of((30, 18), (10, 6)), store, engine, limits=limits_of("0001-docs", GUARDS, manifest))
    run(step_of((30, 18), (10, 6)), store, engine, limits=limits_of("0001-docs", GUARDS, None))


def limits(usual: float | None) -> Limits:
    return Limits("0002-docs", GUARDS, usual)


def kept(rows: int, out: int) -> Outcome:
    return Outcome(rows, out, {"too_few_words": rows - out} if rows > out else {})


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
    before = step_of((9, 9))
    run(before, store, engine)
    assert limits_of("x", GUARDS, store.read("clean", before.whole.fingerprint)).usual_share is None


def test_sums_add_counts_and_keep_other_facts_of_the_first_part() -> None:
    parts = [
        Outcome(5, 2, {"a": 1, "b": 2}, facts={"num_x": 1, "v": 3}),
        Outcome(3, 2, {"b": 1}, facts={"num_x": 2, "v": 4}),
    ]
    assert sum_of(parts) == Outcome(8, 4, {"a": 1, "b": 3}, facts={"num_x": 3, "v": 3})
    assert sum_of([]) == Outcome(0, 0)


@pytest.mark.parametrize("num_shards", [0, 1, MOST_MEMBERS, MOST_MEMBERS + 1, 3 * MOST_MEMBERS])
def test_a_list_names_all_its_members_in_order_and_each_part_travels_small(num_shards: int, store: Store) -> None:
    shards = [shard(number, 2, 1) for number in range(num_shards)]
    for work in shards:
        execute(work, store.root.parent)
    works = list_works("clean", [work.ref for work in shards])
    for work in works:
        execute(work, store.root.parent)
        assert len(pickle.dumps(work)) < 4_096
    assert list(store.members(works[-1].ref)) == [work.ref for work in shards]
    assert store.read("clean", works[-1].fingerprint).rows_out == num_shards
