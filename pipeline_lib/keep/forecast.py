"""What the next night needs of disk and memory, from what its plan names and from what earlier nights have made.

    disk     new documents times BYTES_OF_A_BYTE; what is made again as it was; of a training COPIES of its model
    memory   each worker of the data half; or the training with the state of its optimizer

Both are about right and rather too large: they are there to say in the evening that a disk is nearly full.
"""

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.keep.marks import newest_trainings
from pipeline_lib.plan.last import kept_of
from pipeline_lib.plan.night import plan_night
from pipeline_lib.run.step import manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN

BYTES_OF_A_BYTE = 4.0  # text is written twice, with tokens, ledgers and indexes beside it
COPIES = 6.0  # of a model: result, trunk and two checkpoints with their optimizers, the package, a variant
BESIDES = 300_000_000  # databases with their copies, logs, temporary files
OF_A_PROCESS = 700_000_000  # bytes of memory of one that has loaded its libraries
OF_A_PARAMETER = 16  # weight, gradient and two moments, 4 bytes each


def night_bytes(settings: Settings, workspace: Workspace) -> int:
    """Bytes of disk that the next night needs, about; at least BESIDES, where nothing can be told."""
    try:
        shown = plan_night(settings, workspace)
    except NightshiftError:
        return BESIDES
    again = 0
    for one in shown.steps:
        makers = {work.maker.name for work in one.step.works if work.ref in one.step.todo}
        if makers and one.step.stage != TRAIN.stage:
            before = [kept.ref for kept in kept_of(workspace, one.step.key) if kept.maker in makers]
            again += sum(_size(workspace, ref) for ref in before)
    is_training = any(one.step.stage == TRAIN.stage and one.step.todo for one in shown.steps)
    model = _last_model(workspace) if is_training else None
    return BESIDES + again + int(BYTES_OF_A_BYTE * shown.new_bytes) + int(COPIES * (_bytes(model) if model else 0))


def night_memory(settings: Settings, workspace: Workspace) -> int:
    """Bytes of memory that the next night needs at once, about."""
    model = _last_model(workspace)
    parameters = 0 if model is None else int(model.facts.get("num_parameters", 0))
    is_training = settings.of(TrainSettings).budget_minutes != 0
    training = OF_A_PROCESS + OF_A_PARAMETER * parameters if is_training else 0
    return OF_A_PROCESS + max(settings.resources.workers * OF_A_PROCESS, training)


def _last_model(workspace: Workspace) -> Manifest | None:
    newest = newest_trainings(workspace.store, 1)
    return manifest_of(workspace.store, Ref(TRAIN.stage, newest[0])) if newest else None


def _size(workspace: Workspace, ref: Ref) -> int:
    found = manifest_of(workspace.store, ref)
    return 0 if found is None else _bytes(found)


def _bytes(found: Manifest) -> int:
    return sum(file.bytes for file in found.files)
