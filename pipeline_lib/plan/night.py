"""What a night would do, as lines for people: the plans of both halves, explained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from pipeline_lib.base.words import counted
from pipeline_lib.plan.batches import Opened
from pipeline_lib.plan.benchmarks import plan_benchmarks
from pipeline_lib.plan.data import ENCODING, DataPlan, plan_data
from pipeline_lib.plan.known import known
from pipeline_lib.plan.landings import is_lost, note_of, sources_that_land
from pipeline_lib.plan.models import plan_models, untrained
from pipeline_lib.plan.reasons import Line, explain
from pipeline_lib.plan.verdict import plan_verdict
from pipeline_lib.run.damage import despite_damage
from pipeline_lib.run.lists import sum_of
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.tokenize.fit import Fit, fits
from pipeline_lib.tokenize.live import summed
from pipeline_lib.tokenize.mix import OVER_HOSTS

NAMES_SHOWN = 5  # of batches in a note


@dataclass(frozen=True)
class StepLines:
    """One step and what happens to each of its artifacts."""

    step: Step
    lines: tuple[Line, ...]

    @property
    def work(self) -> tuple[Line, ...]:
        """The artifacts that are made."""
        return tuple(line for line in self.lines if line.action == "work")


@dataclass(frozen=True)
class NightPlan:
    """The whole night."""

    changes: tuple[str, ...]  # one line a new batch: "docs: 3 files new, 1 file changed"
    notes: tuple[str, ...]  # what a person should know beside that
    num_closed: int  # batches of earlier nights that nobody looks at any more
    passed_over: Mapping[str, Mapping[str, Any]]  # by source and kind: files that are not read
    steps: tuple[StepLines, ...]
    asked_first: tuple[str, ...] = ()  # sources that a night asks before it looks at them, and may find more in
    new_bytes: int = 0  # of the files of new batches

    @property
    def is_nothing_new(self) -> bool:
        """Whether all there is to make is there."""
        return not any(step.work for step in self.steps)


def plan_night(settings: Settings, workspace: Workspace) -> NightPlan:
    """Lay out and explain the night. Makes nothing."""
    return despite_damage(partial(_plan, settings, workspace), workspace.store)


def _plan(settings: Settings, workspace: Workspace) -> NightPlan:
    asked_first = sources_that_land(settings)
    data = plan_data(settings, workspace)
    benchmarks = plan_benchmarks(settings, workspace, data, renews=True)
    is_known = bool(data.batches) or not asked_first  # else all that is made bears names that text will change
    models = plan_models(settings, workspace, data, benchmarks) if is_known else None
    steps = [step for _, of_stage in data.stages for step in of_stage if is_known]
    steps += [benchmarks.step] if benchmarks.step and is_known else []
    graph = {**data.graph, **benchmarks.graph}
    notes = [note_of(workspace, source) for source in asked_first]
    notes += notes_of(data, workspace.store, asked_first=[one.name for one in asked_first if is_lost(workspace, one)])
    notes += benchmarks.notes
    if models is None and is_known:
        notes.append(f"nothing is trained: {untrained(settings)}")
    if models is not None:
        verdict = plan_verdict(settings, workspace, data, models)
        steps += [*models.steps, *verdict.steps]
        graph |= {**models.graph, **verdict.graph}
        notes += models.notes
    lines = tuple(StepLines(step, tuple(of_step)) for step, of_step in explain(steps, graph, workspace))
    return NightPlan(
        changes=data.changes,
        notes=tuple(notes),
        num_closed=data.found.closed.count,
        passed_over=passed_over_of(data),
        steps=lines,
        asked_first=tuple(source.name for source in asked_first),
        new_bytes=sum(_num_bytes(item) for item in data.found.opened if item.is_new),
    )


def _num_bytes(item: Opened) -> int:
    """Of the files that a new batch is read from."""
    shards = () if item.plan is None else item.plan.shards
    return sum(file.bytes for shard in shards for file in shard.files)


def notes_of(data: DataPlan, store: Store, *, asked_first: Sequence[str] = ()) -> list[str]:
    """What a person should know of a plan of the data half.

    `asked_first`: sources of which nothing lies here until a night asks them: what of their batches is lost may then be
    made again.
    """
    notes = [f"tokenizer {data.tokenizer.note}"] if data.tokenizer.note else []
    if poor := [fit for fit in fits_of(data, store) if fit.is_poor]:
        told = ", ".join(f"{fit.language} at {fit.now:.2f} bytes a token ({fit.then:.2f} then)" for fit in poor)
        notes.append(
            f"tokenizer no longer fits the text: {told}. tokenize.generation = {data.tokenizer.generation + 1} learns "
            "another one from what there is now: all is encoded again, models start anew"
        )
    notes += _not_asked_for(data)
    notes += _over_hosts(data, store)
    notes += _buried(data)
    unsure = [batch for batch in data.found.given_up if batch.source in asked_first]
    if unsure:
        notes.append(f"{_named(unsure)}: lost, and made again if the source still says what it said")
    if given_up := [batch for batch in data.found.given_up if batch not in unsure]:
        notes.append(
            f"{_named(given_up)}: given up; something of them is lost and needed, and cannot be read again as it was; "
            "what is still in their sources comes in a new batch"
        )
    if num_gone := _num_unverifiable(data, store):
        notes.append(
            f"dedup: the text of {num_gone:,} earlier documents is gone; new ones that are nearly like them stay"
        )
    return notes


def _named(batches: Sequence[Batch]) -> str:
    """How many, and the first of them by name."""
    names = [batch.name for batch in batches[:NAMES_SHOWN]]
    more = "" if len(batches) <= NAMES_SHOWN else ", ..."
    return f"{len(batches):,} batch{'' if len(batches) == 1 else 'es'} ({', '.join(names)}{more})"


def _num_unverifiable(data: DataPlan, store: Store) -> int:
    """Documents that those of open batches should have been compared with, as far as these are decided."""
    decided = (manifest_of(store, step.whole.ref) for step in data.steps("dedup"))
    return sum(int(manifest.facts.get("num_unverifiable", 0)) for manifest in decided if manifest is not None)


def fits_of(data: DataPlan, store: Store) -> list[Fit]:
    """How the tokenizer fits each language of the text that stands, of what is asked for; before a night, by then."""
    tokenizer = manifest_of(store, data.tokenizer.ref)
    if tokenizer is None:
        return []
    return list(fits(tokenizer.facts.get("bytes_per_token", {}), _spoken(data, store)))


def _spoken(data: DataPlan, store: Store) -> Mapping[str, int]:
    """Bytes and tokens by language; where tables of an earlier release do not say it, of all text that ever came."""
    standing = summed(found.facts for found in known(data.carried.before("shards"), data.graph, store))
    if standing is None:
        return sum_of(known(data.sums[ENCODING], data.graph, store)).facts
    total = Counter[str]()
    for source in data.asked:
        total.update(standing.get(source, {}))
    return total


def _buried(data: DataPlan) -> list[str]:
    """A note on documents that are forgotten and were not taken out of artifacts yet."""
    count = sum(stone.purged is None for stone in data.forgotten)
    if not count:
        return []
    shown = counted(count, "document")
    return [f"forgotten, and still in artifacts: {shown}; nightshift gc takes it out, as maintenance does"]


def _not_asked_for(data: DataPlan) -> list[str]:
    """A note on the sources that there is text of, and that the settings do not name any more."""
    counts = Counter(batch.source for batch in data.batches if batch.source not in data.asked)
    if not counts:
        return []
    told = ", ".join(f"{source} ({count:,} batch{'' if count == 1 else 'es'})" for source, count in counts.items())
    return [
        f"not asked for: {told}; it is kept, nothing is trained on it, and named in the settings again it is back. "
        "What other sources have of the same text stays out as its duplicate: so does all of a source that was renamed"
    ]


def _over_hosts(data: DataPlan, store: Store) -> list[str]:
    """A note for each source with a cap per host on what it keeps out of the snapshot, once that is there."""
    snapshot = manifest_of(store, data.snapshot.whole.ref)
    told = {} if snapshot is None else snapshot.facts.get(OVER_HOSTS, {})
    return [_over_hosts_said(source, said) for source, said in sorted(told.items())]


def _over_hosts_said(source: str, said: Mapping[str, int]) -> str:
    if not said["num_hosts"]:
        return f"{source}: most_tokens_per_host bounds nothing, since no document of it has an http address"
    hosts = counted(said["num_hosts"], "host")
    if not said["num_hosts_over"]:
        return f"{source}: of {hosts} none has more text than most_tokens_per_host"
    return (
        f"{source}: {said['num_hosts_over']:,} of {hosts} {'has' if said['num_hosts_over'] == 1 else 'have'} more text "
        f"than most_tokens_per_host: {counted(said['num_documents'], 'document')} of "
        f"{counted(said['num_tokens'], 'token')} left out"
    )


def passed_over_of(data: DataPlan) -> dict[str, dict[str, Any]]:
    """The files that are not read, as JSON: {"docs": {".pdf": {"num_files": 2, "example": "a.pdf"}}}."""
    return {
        source: {kind: asdict(found) for kind, found in kinds.items()}
        for source, kinds in data.found.passed_over.items()
    }
