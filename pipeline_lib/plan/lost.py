"""Trainings that are lost, made again by their manifests: not by today's settings, nor by a start from an older trunk.

It is the one that waits for its verdict, or the trunk that tonight's training would go on from; and before it the
trunks that it went on from, as far back as they are lost, too. The manifests, and what else they name, must still be
there; today's tokenizer and shape must be their own: nobody needs them else.
"""

from pipeline_lib.plan.basis import begun_in
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.parents import parent_of
from pipeline_lib.plan.trunks import PIN, TRUNK, Trunks
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.works import repeated_work


def lost_trainings(settings: Settings, workspace: Workspace, data: DataPlan, *, benchmark: Ref) -> list[Work]:
    """The trainings to make again, the oldest first, if there are some, and a night may train and go on from them."""
    own = settings.of(TrainSettings)
    if own.budget_minutes == 0 or own.restart == "always":
        return []
    found = parent_of(settings, workspace, data, _kept(workspace))
    if found is None or workspace.store.is_present(found.ref):
        return []
    works: list[Work] = []
    at: Manifest | None = found
    while at is not None:
        work = repeated_work(settings, at, benchmark=benchmark)
        trunk = at.inputs.get(TRUNK)
        others = [needed for needed in at.inputs.values() if needed != trunk]
        if work.ref != at.ref or not all(_is_had(needed, workspace, data) for needed in others):
            return []
        works.insert(0, work)
        if trunk is None or workspace.store.is_present(trunk):
            return works
        at = workspace.store.condition(trunk).manifest
    return []


def lost_for_good(workspace: Workspace) -> list[Ref]:
    """The trunks that are kept, but are not there."""
    kept = workspace.pin_or_none(PIN, Trunks)
    return [ref for ref in (kept.models if kept else ()) if not workspace.store.is_present(ref)]


def _is_had(needed: Ref, workspace: Workspace, data: DataPlan) -> bool:
    """Whether something is there, or is made by the data half."""
    return needed in data.graph or workspace.store.is_present(needed)


def _kept(workspace: Workspace) -> list[Manifest]:
    """The model that waits for its verdict, else the trunks that are kept: whole or not, if their manifests are."""
    begun, kept = begun_in(workspace), workspace.pin_or_none(PIN, Trunks)
    waiting = None if begun is None else workspace.store.condition(begun).manifest
    if waiting is not None:
        return [waiting]
    conditions = [workspace.store.condition(ref) for ref in (kept.models if kept else ())]
    return [condition.manifest for condition in conditions if condition.manifest is not None]
