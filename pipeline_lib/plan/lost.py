"""A training that is lost, and made again by its manifest: not by today's settings, nor by a start from an older trunk.

It is the one that waits for its verdict, or the one that was judged last: what a night would go on from. Its manifest,
and what it was made from, must still be there; today's tokenizer and shape must be its own: nobody needs it else.
"""

from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.judged import BEGUN, JUDGED, Judged
from pipeline_lib.plan.parents import fits
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.works import repeated_work


def lost_training(settings: Settings, workspace: Workspace, data: DataPlan, *, benchmark: Ref) -> Work | None:
    """The training to make again, if there is one, and a night may train and go on from it."""
    own = settings.of(TrainSettings)
    if own.budget_minutes == 0 or own.restart == "always":
        return None
    ref, store = _newest(workspace), workspace.store
    found = None if ref is None else store.condition(ref)
    if found is None or found.is_present or found.manifest is None or not fits(found.manifest, settings, data):
        return None
    work = repeated_work(settings, found.manifest, benchmark=benchmark)
    is_whole = all(needed in data.graph or store.is_present(needed) for needed in found.manifest.inputs.values())
    return work if is_whole and work.ref == found.manifest.ref else None


def _newest(workspace: Workspace) -> Ref | None:
    judged = workspace.pin(JUDGED, Judged)
    return workspace.pin(BEGUN, Ref) or (None if judged is None else judged.model)
