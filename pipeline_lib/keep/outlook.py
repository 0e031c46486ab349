"""What goes, what waits, what stays: the question that `nightshift gc` answers, and what it does.

    state/unneeded.json     since when nothing has needed what waits, by name, in Unix seconds

A thing goes once nothing has needed it for `maintenance.keep_days`, from the first look that found it so. So a look
with the settings of another night, rules that are tried for a day, or a run that was killed before it wrote down what
it made, cost nothing. Losing the file begins the wait anew.

Things go one by one, what refers before what it refers to; an artifact goes at once (it is renamed first). A kill in
between leaves some of them, and nothing that is needed less.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact, DataError, NightshiftError, UpstreamError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.keep.marks import DAY, Marks, marks_of
from pipeline_lib.past.made import MEASURED
from pipeline_lib.plan.basis import begun_in
from pipeline_lib.plan.closed import closed_records, forget_closed
from pipeline_lib.plan.last import RECIPE
from pipeline_lib.register.ledger import promotions
from pipeline_lib.register.leftovers import RUN, Leftover, leftovers, remove
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import VERSION, registry_of
from pipeline_lib.register.standing import Standing, standing
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import ablations
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import num_bytes_in, readable
from pipeline_lib.store.local import Store
from pipeline_lib.store.logs import rotated
from pipeline_lib.store.records import read_comfort, write_comfort
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.stage import TRAIN

CLOCK = "unneeded.json"
WORK_FOLDERS, LOGS, TRIALS = "work folders", "full logs", "trials of steps"


@dataclass(frozen=True)
class Thing:
    """Something that nothing needs."""

    kind: str  # "artifacts of clean"
    key: str  # its name: "clean/1f0c..."
    num_bytes: int
    keep_days: float  # since it is unneeded
    remove: Callable[[], None]
    ended: float | None = None  # Unix seconds, for what waits from its own end on and not from a look


@dataclass(frozen=True)
class Share:
    """How much of something there is."""

    count: int = 0
    num_bytes: int = 0


@dataclass(frozen=True)
class Outlook:
    """What is to become of a workspace."""

    goes: tuple[Thing, ...]  # in the order in which it goes
    waits: tuple[Thing, ...]
    stays: Mapping[str, Share]  # artifacts, by why
    clock: Mapping[str, float]  # since when nothing needs what waits


def look(settings: Settings, workspace: Workspace, *, now: float) -> Outlook:
    """What goes and what stays, by the state of the workspace at `now`, in Unix seconds. Changes nothing.

    Raises a `NightshiftError` where it cannot be told what is needed.
    """
    registry = registry_of(settings.of(RegisterSettings), workspace.root)
    try:
        versions, marks = _marked(settings, workspace, registry, now)
        things = [*_things(settings, workspace, registry, versions, marks)]
    except DamagedArtifact as exc:
        raise DataError(
            f"gc: {exc.stage}/{exc.fingerprint} is damaged, and says no more what it needs, so nothing was removed. "
            "nightshift run makes it again if a night needs it; else delete "
            f"{workspace.store.path(exc.stage, exc.fingerprint)}, and run gc again."
        ) from exc
    except NightshiftError as exc:
        raise type(exc)(f"gc: what is needed cannot be told, so nothing was removed. {exc}") from exc
    clock = _clock(workspace, things, now)
    goes = [thing for thing in things if now - (thing.ended or clock[thing.key]) >= thing.keep_days * DAY]
    names = {thing.key for thing in goes}
    waits = tuple(thing for thing in things if thing.key not in names)
    return Outlook(tuple(goes), waits, _stays(workspace.store, marks), {one.key: clock[one.key] for one in waits})


def needed(settings: Settings, workspace: Workspace, *, now: float) -> Marks:
    """What stays, and why. Raises a `NightshiftError` where that cannot be told."""
    return _marked(settings, workspace, registry_of(settings.of(RegisterSettings), workspace.root), now)[1]


def sweep(outlook: Outlook, settings: Settings, workspace: Workspace) -> None:
    """Remove what goes. Only the holder of the workspace's lock may call this, and since before it looked."""
    write_comfort(workspace.state / CLOCK, readable(dict(outlook.clock)).encode())
    for thing in outlook.goes:
        failpoint("keep", "before_removal")
        thing.remove()
    failpoint("keep", "after_removals")
    _forget(workspace)


def _marked(settings: Settings, workspace: Workspace, registry: Registry, now: float) -> tuple[list[Standing], Marks]:
    """The versions in MLflow, and all that stays."""
    versions = standing(registry, _recorded(workspace))
    return versions, marks_of(settings, workspace, versions, _champions(registry), now=now)


def _recorded(workspace: Workspace) -> set[str]:
    """The names of models under which this workspace has registered versions."""
    return {str(found.facts["name"]) for found in workspace.store.list(VERSION.name)}


def _champions(registry: Registry) -> list[str]:
    """The models of who is champion by the ledger, and of who was before, of each name."""
    last: dict[str, list[str]] = {}
    for move in promotions(registry):
        known = [model for model in last.get(move.name, []) if model != move.model]
        last[move.name] = [*known, *([move.model] if move.model else [])][-2:]
    return [model for models in last.values() for model in models]


def _things(
    settings: Settings, workspace: Workspace, registry: Registry, versions: Sequence[Standing], marks: Marks
) -> Iterator[Thing]:
    own, store = settings.maintenance, workspace.store
    unmarked = [ref for ref in store.everything() if ref not in marks]
    for ref in sorted(unmarked, key=lambda one: -_created(store, one)):
        place = store.path(ref.stage, ref.fingerprint)
        kind = f"artifacts of {ref.stage}"
        yield Thing(kind, str(ref), num_bytes_in(place), own.keep_days, partial(store.remove, ref))
    for folder in _work_folders(workspace, marks):
        key = f"work/{folder.parent.name}/{folder.name}"
        yield Thing(WORK_FOLDERS, key, num_bytes_in(folder), own.keep_days, partial(shutil.rmtree, folder))
    if (used := ablations.last_used(workspace.root)) is not None:
        place = ablations.place_in(workspace.root)
        remove_all = partial(ablations.remove_unless_held, workspace.root)
        yield Thing(TRIALS, ablations.FOLDER, num_bytes_in(place), own.keep_days, remove_all, used)
    kept = {ref.fingerprint for ref in marks if ref.stage == TRAIN.stage}
    yield from (_left(one, registry, settings) for one in leftovers(registry, versions) if not _is_of(one, kept))
    for log in rotated(workspace.root / "logs"):
        at = log.stat().st_mtime
        yield Thing(LOGS, f"logs/{log.name}", num_bytes_in(log), own.keep_runs_days, partial(_unlink, log), at)


def _created(store: Store, ref: Ref) -> float:
    """When an artifact was made; what cannot be read goes first."""
    try:
        return store.read(ref.stage, ref.fingerprint).created
    except DamagedArtifact:
        return float("inf")


def _work_folders(workspace: Workspace, marks: Marks) -> Iterator[Path]:
    """Those of works that are done, or that no night goes on with."""
    begun = begun_in(workspace)
    for folder in sorted((workspace.root / "work").glob("*/*")):
        ref = Ref(folder.parent.name, folder.name)
        if folder.is_dir() and (workspace.store.is_present(ref) or (ref not in marks and ref != begun)):
            yield folder


def _is_of(left: Leftover, kept: set[str]) -> bool:
    """Whether it is the run of a model that stays."""
    return left.kind == RUN and left.model in kept


def _left(left: Leftover, registry: Registry, settings: Settings) -> Thing:
    size = num_bytes_in(left.folder) if left.folder is not None else 0
    own, at = settings.maintenance, left.begun if left.kind == RUN else None
    days = own.keep_runs_days if left.kind == RUN else own.keep_days
    return Thing(left.kind, f"mlflow/{left.id}", size, days, partial(remove, registry, left), at)


def _clock(workspace: Workspace, things: Iterable[Thing], now: float) -> dict[str, float]:
    """Since when each of them is unneeded. A time that is still to come is one of a clock that was put back."""
    known = read_comfort(workspace.state / CLOCK, dict[str, float]) or {}
    return {thing.key: min(known.get(thing.key, now), now) for thing in things}


def _stays(store: Store, marks: Marks) -> dict[str, Share]:
    counts, sizes = Counter[str](), Counter[str]()
    for ref in store.everything():
        if reason := marks.get(ref):
            counts[reason] += 1
            sizes[reason] += num_bytes_in(store.path(ref.stage, ref.fingerprint))
    return {reason: Share(counts[reason], sizes[reason]) for reason in counts}


def _forget(workspace: Workspace) -> None:
    """Drop the records of what is gone: what measured a model, and what stood for the batches by other rules."""
    store = workspace.store
    there = {ref.fingerprint for ref in store.everything() if ref.stage == TRAIN.stage}
    for step in list(workspace.remembered()):
        if step.startswith(MEASURED) and step.removeprefix(MEASURED) not in there:
            workspace.forget_last(step)
    for kept in closed_records(workspace):
        if [kept.recipe] != workspace.last(RECIPE) and not all(store.is_present(ref) for ref in kept.nodes):
            forget_closed(workspace, kept.recipe)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise UpstreamError(f"{path}: cannot be removed ({exc.strerror}). Remove it, and run gc again.") from exc
