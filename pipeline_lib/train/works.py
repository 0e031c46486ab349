"""The work of train: one training, named by recipe, parent, snapshot, the first place it reads and its planned end."""

from collections.abc import Mapping
from typing import Any

from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
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
