"""The work of train: one training, named by recipe, parent, snapshot, the first place it reads and its planned end."""

from collections.abc import Mapping
from typing import Any

from pipeline_lib.base.settings import is_operational
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN


def train_work(
    settings: Settings,
    *,
    snapshot: Ref,
    tokenizer: Ref,
    trunk: Ref | None,
    benchmark: Ref,
    params: Mapping[str, Any],
) -> Work:
    """Train on what the snapshot has that the trunk has not read. The benchmark is scored: it decides no weight."""
    inputs = {"snapshot": snapshot, "tokenizer": tokenizer} | ({} if trunk is None else {"trunk": trunk})
    own = settings.of(TrainSettings).only(TRAIN.reads)
    return Work(TRAIN, own, inputs, params, beside={"benchmark": benchmark}, name="model")


def repeated_work(settings: Settings, lost: Manifest, *, benchmark: Ref) -> Work:
    """A lost training once more, by its own settings and parameters; what decides no byte is as today."""
    own = settings.of(TrainSettings)
    today = {name: getattr(own, name) for name, field in TrainSettings.model_fields.items() if is_operational(field)}
    said = {name: value for name, value in lost.settings.items() if name in TrainSettings.model_fields}
    params = {name: value for name, value in lost.settings.items() if name not in said}
    seen = TrainSettings.model_validate({**today, **said}).only(TRAIN.reads)
    return Work(TRAIN, seen, lost.inputs, params, beside={"benchmark": benchmark}, name="model")
