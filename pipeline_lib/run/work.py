"""Work: one artifact that can be made, and steps: what is made together and shown as one task.

    Work    one artifact (a shard, or a batch): its fingerprint, and a picklable function that fills its folder
    Step    one stage of one batch: the works of its shards, then the work of the batch itself

The planner (`refresh.py`, `retrain.py`) builds steps without doing anything; `nightshift plan` prints them,
`run_step` does them. So what plan says is what runs: both walk the same list.
"""

import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.run.engine import Engine
from pipeline_lib.scrub.stage import WITHDRAWN
from pipeline_lib.settings.tree import GuardSettings
from pipeline_lib.store.artifact import Condition, Kind, Manifest, Outcome, Ref, Store

# ingest judges its own input, by the share of bad records; what evaluate leaves out is a sample of its own choosing.
GUARDED = ("clean", "dedup", "scrub", "tokenize")
RECORDED_LIBRARIES = ("pyarrow", "numpy", "numba", "torch", "transformers", "tokenizers", "trafilatura", "google-re2")


# Fills a folder: `make(store=..., folder=...)`. Opens its inputs from the store, which verifies them.
Make = Callable[..., Outcome]


@dataclass(frozen=True)
class Work:
    """One artifact that can be made."""

    stage: str
    version: int
    kind: Kind
    fingerprint: str
    schema: str
    settings: Mapping[str, Any]  # those that decide the bytes, as JSON
    inputs: tuple[str, ...]
    make: Make
    shards: tuple[str, ...] = ()
    name: str = ""  # "shard 3", for people
    lost: str = ""  # why what is there counts no more: what it stands for outside of the store is gone

    def condition(self, store: Store) -> Condition:
        """Whether its artifact can be used, and if not, why."""
        found = store.condition(self.stage, self.fingerprint)
        return replace(found, is_present=False, reason=self.lost) if found.is_present and self.lost else found


@dataclass(frozen=True)
class Step:
    """One stage of one batch."""

    stage: str
    label: str  # "0002-installed_docs"; part of run names
    shards: tuple[Work, ...]
    whole: Work
    previous: str | None = None  # fingerprint of this stage's whole that the guard compares with
    condition: str = ""  # what plan says of work that may turn out not to be needed
    runs_here: bool = False  # in the flow's process: it starts a process of its own, or only waits for a server

    @property
    def key(self) -> str:
        """The name under which the last fingerprints of this step are kept."""
        return f"{self.stage}-{self.label}"

    @property
    def works(self) -> tuple[Work, ...]:
        """All artifacts of the step, in the order in which they are made."""
        return (*self.shards, self.whole)


@dataclass(frozen=True)
class StepResult:
    """How a step went."""

    ref: Ref
    is_cached: bool
    num_done: int
    num_reused: int
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Limits:
    """How much of a batch a stage may lose."""

    label: str
    guards: GuardSettings
    usual_share: float | None  # what the stage dropped before; None when there is nothing to compare

    def check(self, stage: str, outcome: Outcome) -> None:
        """Raise `GuardStop` when a stage lost a larger share than it may, or far more than the time before."""
        if outcome.rows_in < self.guards.min_documents:
            return
        num_lost = num_dropped(outcome)
        share = num_lost / outcome.rows_in
        reasons = ", ".join(f"{r} {n}" for r, n in sorted(outcome.dropped.items(), key=lambda item: -item[1])[:3])
        lost = f"{stage} {self.label}: {num_lost} of {outcome.rows_in} documents ({share:.0%}) would go ({reasons})"
        advice = f"Nothing was passed on. Correct [{stage}], or raise that limit if this is right."
        if share > self.guards.max_drop_share:
            raise GuardStop(f"{lost}; guards.max_drop_share is {self.guards.max_drop_share:.0%}. {advice}")
        if self.usual_share is not None and share > self.usual_share + self.guards.max_drop_increase:
            raise GuardStop(
                f"{lost}, against {self.usual_share:.0%} before; guards.max_drop_increase is "
                f"{self.guards.max_drop_increase:.0%}. {advice}"
            )


@dataclass(frozen=True)
class Job:
    """What a worker process gets: the work, where the artifacts lie, and how much it may lose."""

    work: Work
    root: Path
    limits: Limits | None = None


def num_dropped(outcome: Outcome | Manifest) -> int:
    """How many documents a stage dropped by its own judgement: those withdrawn at their source are not its loss."""
    return sum(count for reason, count in outcome.dropped.items() if reason != WITHDRAWN)


def missing(step: Step, store: Store) -> list[Work]:
    """The works of a step whose artifacts are not there, or not whole."""
    return [work for work in step.works if not work.condition(store).is_present]


def execute(job: Job) -> Manifest:
    """Make one artifact in this process, unless it is there."""
    work, store = job.work, Store(job.root)
    found = work.condition(store)
    if found.is_present and found.manifest is not None:
        return found.manifest
    failpoint(work.stage, "start")
    with store.draft(work.stage, work.fingerprint) as draft:
        outcome = work.make(store=store, folder=draft.path)
        if job.limits is not None:
            job.limits.check(work.stage, outcome)
        return draft.seal(
            outcome,
            version=work.version,
            kind=work.kind,
            schema=work.schema,
            settings=work.settings,
            inputs=work.inputs,
            shards=work.shards,
            made={"created": round(time.time(), 3), **provenance()},
        )


def run_step(
    step: Step,
    store: Store,
    engine: Engine,
    guards: GuardSettings,
    *,
    deadline_seconds: float,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> StepResult:
    """Make what is missing of a step: its shards side by side, then the batch. Finished shards are never redone.

    Raises what the stage raises, `StageTimeout` after the deadline, and `GuardStop`, before the batch is sealed, when
    too many documents were lost.
    """
    todo = missing(step, store)
    if not todo:
        return _result(step, store, [])
    shards = [work for work in todo if work is not step.whole]
    what = f"{step.stage} {step.label}"
    jobs = [Job(work, store.root) for work in shards]
    done = len(step.shards) - len(shards)
    on_progress(done, len(step.works))
    for _ in engine.map(execute, jobs, deadline_seconds=deadline_seconds, what=what):
        done += 1
        on_progress(done, len(step.works))
    if step.whole in todo:
        whole = Job(step.whole, store.root, _limits(step, store, guards))
        if step.runs_here:
            execute(whole)
        else:
            engine.call(execute, whole, deadline_seconds=deadline_seconds, what=what)
    on_progress(len(step.works), len(step.works))
    return _result(step, store, todo)


def sum_shards(shards: Sequence[Manifest]) -> Outcome:
    """The sums of a batch over its shards; facts that are counts (`num_...`) are added up."""
    dropped: dict[str, int] = {}
    facts: dict[str, Any] = {}
    for shard in shards:
        for reason, count in shard.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
        _add_facts(facts, shard.facts)
    rows_in, rows_out = sum(s.rows_in for s in shards), sum(s.rows_out for s in shards)
    return Outcome(rows_in, rows_out, dropped, facts=facts)


def _add_facts(total: dict[str, Any], facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        if name.startswith("num_"):
            total[name] = total.get(name, 0) + value
        else:
            total.setdefault(name, value)


def _result(step: Step, store: Store, done: Sequence[Work]) -> StepResult:
    manifest = store.read(step.whole.stage, step.whole.fingerprint)
    made = [store.read(work.stage, work.fingerprint).seconds for work in done]
    ref = Ref(step.stage, manifest.fingerprint)
    return StepResult(
        ref=ref,
        is_cached=not done,
        num_done=len(done),
        num_reused=len(step.works) - len(done),
        rows_in=manifest.rows_in,
        rows_out=manifest.rows_out,
        dropped=manifest.dropped,
        facts=manifest.facts,
        seconds=round(sum(made), 3),
    )


def _limits(step: Step, store: Store, guards: GuardSettings) -> "Limits | None":
    if step.stage not in GUARDED:
        return None
    before = store.condition(step.stage, step.previous).manifest if step.previous else None
    is_telling = before is not None and before.rows_in >= guards.min_documents
    usual = num_dropped(before) / before.rows_in if before is not None and is_telling else None
    return Limits(step.label, guards, usual)


@lru_cache(maxsize=1)
def provenance() -> dict[str, Any]:
    """By which code and libraries an artifact was made. Not part of its digest."""
    return {"revision": code_revision(), "python": platform.python_version(), "libraries": _library_versions()}


def code_revision() -> str:
    """The git revision of this code, "+" when files differ from it; "unknown" outside a checkout."""
    folder = Path(__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in RECORDED_LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
