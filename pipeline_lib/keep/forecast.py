"""What the next night needs of disk and memory, from what its plan names and from what earlier nights have made.

    disk     new documents times what the newest batches made of each byte, by the manifests of their stages; what is
             made again as it was; of a training COPIES of the last model and two of its variants
    memory   each worker of the data half; or the training with the state of its optimizer: a rough figure always

Where no night has made anything like it the figure is a rough one, and says so. All are rather too large: they are
there to say in the evening that a disk is nearly full.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.ingest.plan import FILES_FILE
from pipeline_lib.ingest.stage import STAGE as INGEST
from pipeline_lib.ingest.stage import kept_plan
from pipeline_lib.keep.marks import newest_trainings
from pipeline_lib.plan.last import kept_of
from pipeline_lib.plan.night import NightPlan, plan_night
from pipeline_lib.quantize.stage import STAGE as QUANTIZE
from pipeline_lib.run.step import manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN

NEWEST = 10  # batches that are asked
KNOWN_FROM = 1_000_000  # bytes of documents in them: of less the artifacts are mostly what each file has of its own
ROUGH_RATE = 4.0  # text is written twice, with tokens, ledgers and indexes beside it
COPIES = 4  # of a training: itself, two checkpoints with their optimizers, the package
ROUGH_COPIES = 6  # with variants
BESIDES = 300_000_000  # databases with their copies, logs, temporary files
OF_A_PROCESS = 700_000_000  # bytes of memory of one that has loaded its libraries
OF_A_PARAMETER = 16  # weight, gradient and two moments, 4 bytes each


@dataclass(frozen=True)
class Forecast:
    """Bytes of disk that a night needs, about."""

    num_bytes: int
    is_rough: bool  # no night here has made anything like it


def night_bytes(settings: Settings, workspace: Workspace) -> Forecast:
    """What the next night needs; at least BESIDES, where nothing can be told."""
    try:
        shown = plan_night(settings, workspace)
    except NightshiftError:
        return Forecast(BESIDES, is_rough=True)
    parts = [Forecast(BESIDES + _again(shown, workspace), is_rough=False)]
    if shown.new_bytes:
        parts.append(_of_documents(workspace, shown.new_bytes))
    if any(one.step.stage == TRAIN.stage and one.step.todo for one in shown.steps):
        parts.append(_of_a_training(shown, workspace))
    return Forecast(sum(part.num_bytes for part in parts), is_rough=any(part.is_rough for part in parts))


def _again(shown: NightPlan, workspace: Workspace) -> int:
    """What is made again, as large as it was."""
    again = 0
    for one in shown.steps:
        makers = {work.maker.name for work in one.step.works if work.ref in one.step.todo}
        if makers and one.step.stage != TRAIN.stage:
            again += _size(workspace, (kept.ref for kept in kept_of(workspace, one.step.key) if kept.maker in makers))
    return again


def _of_documents(workspace: Workspace, new_bytes: int) -> Forecast:
    """What is made of so many bytes of new documents."""
    newest = workspace.batches()[-NEWEST:]
    read = {batch: num_bytes for batch in newest if (num_bytes := _bytes_read(workspace, batch))}
    total = sum(read.values())
    if total < KNOWN_FROM:
        return Forecast(int(ROUGH_RATE * new_bytes), is_rough=True)
    made = sum(sum(bytes_by_stage(workspace, batch).values()) for batch in read)
    return Forecast(int(made / total * new_bytes), is_rough=False)


def bytes_by_stage(workspace: Workspace, batch: Batch) -> dict[str, int]:
    """The bytes of what each stage made of a batch, by the manifests."""
    words = (INGEST, *(stage.word for stage in OF_A_BATCH))
    return {word: _size(workspace, (one.ref for one in kept_of(workspace, f"{word}-{batch.name}"))) for word in words}


def _bytes_read(workspace: Workspace, batch: Batch) -> int:
    """Of the files that a batch was read from; 0 where its plan is gone."""
    from pipeline_lib.store.tables import read_table

    path = kept_plan(workspace.root, batch.plan) / FILES_FILE
    return sum(read_table(path, ["bytes"])["bytes"].to_pylist()) if batch.plan and path.is_file() else 0


def _of_a_training(shown: NightPlan, workspace: Workspace) -> Forecast:
    """The model that is trained, as large as the last one, with its variants."""
    model = _last_model(workspace)
    if model is None:
        return Forecast(0, is_rough=True)
    keys = [one.step.key for one in shown.steps if one.step.stage == QUANTIZE]
    variants = _size(workspace, (kept.ref for key in keys for kept in kept_of(workspace, key)))
    if keys and not variants:
        return Forecast(ROUGH_COPIES * _bytes(model), is_rough=True)
    return Forecast(COPIES * _bytes(model) + 2 * variants, is_rough=False)


def night_memory(settings: Settings, workspace: Workspace) -> int:
    """Bytes of memory that the next night needs at once: a rough figure."""
    model = _last_model(workspace)
    parameters = 0 if model is None else int(model.facts.get("num_parameters", 0))
    is_training = settings.of(TrainSettings).budget_minutes != 0
    training = OF_A_PROCESS + OF_A_PARAMETER * parameters if is_training else 0
    return OF_A_PROCESS + max(settings.resources.workers * OF_A_PROCESS, training)


def _last_model(workspace: Workspace) -> Manifest | None:
    newest = newest_trainings(workspace.store, 1)
    return manifest_of(workspace.store, Ref(TRAIN.stage, newest[0])) if newest else None


def _size(workspace: Workspace, refs: Iterable[Ref]) -> int:
    found = (manifest_of(workspace.store, ref) for ref in refs)
    return sum(_bytes(one) for one in found if one is not None)


def _bytes(found: Manifest) -> int:
    return sum(file.bytes for file in found.files)
