"""A training that is lost, and made again by its manifest: not by today's settings, nor by a start from an older trunk.

It is the one that waits for its verdict, or the trunk that tonight's training would go on from. Its manifest, and what
it was made from, must still be there; today's tokenizer and shape must be its own: nobody needs it else.
"""

from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.judged import BEGUN
from pipeline_lib.plan.parents import parent_of
from pipeline_lib.plan.trunks import PIN, Trunks
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.works import repeated_work


def lost_training(settings: Settings, workspace: Workspace, data: DataPlan, *, benchmark: Ref) -> Work | None:
    """The training to make again, if there is one, and a night may train and go on from it."""
    own = settings.of(TrainSettings)
    if own.budget_minutes == 0 or own.restart == "always":
        return None
    store = workspace.store
    found = parent_of(settings, workspace, data, _kept(workspace))
    if found is None or store.is_present(found.ref):
        return None
    work = repeated_work(settings, found, benchmark=benchmark)
    is_whole = all(needed in data.graph or store.is_present(needed) for needed in found.inputs.values())
    return work if is_whole and work.ref == found.ref else None


def _kept(workspace: Workspace) -> list[Manifest]:
    """The model that waits for its verdict, else the trunks that are kept: whole or not, if their manifests are."""
    begun, kept = workspace.pin(BEGUN, Ref), workspace.pin(PIN, Trunks)
    waiting = None if begun is None else workspace.store.condition(begun).manifest
    if waiting is not None:
        return [waiting]
    conditions = [workspace.store.condition(ref) for ref in (kept.models if kept else ())]
    return [condition.manifest for condition in conditions if condition.manifest is not None]
