"""The table of stages, in the order of the night: one row a stage, and all else is derived from it.

    settings sections, commands, retry policies, guards, the works of a batch, what `why` walks, the funnel, the imports

To add a stage: its folder (settings.py, stage.py with its makers, works.py) and one row here.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import MAKERS as CLEAN
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import MAKERS as DEDUP
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.evaluate.stage import MAKERS as EVALUATE
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.stage import MAKERS as INGEST
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import MAKERS as QUANTIZE
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import MAKERS as REGISTER
from pipeline_lib.run.board import Board
from pipeline_lib.run.lists import lists_work
from pipeline_lib.run.stage import Ledger, Policy, Stage
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.scrub.stage import MAKERS as SCRUB
from pipeline_lib.settings.tree import Resolved, Settings, resolve_as, with_sections
from pipeline_lib.tokenize.settings import TokenizeSettings
from pipeline_lib.tokenize.stage import MAKERS as TOKENIZE
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import MAKERS as TRAIN

STAGES: tuple[Stage, ...] = (
    Stage(
        word="ingest",
        about="where documents come from",
        help="Take in what is new, changed or gone in the sources, as a new batch.",
        settings=IngestSettings,
        makers=INGEST,
        policy=Policy(retries=3, back_off_seconds=5),
        ledger=Ledger("ingest.read"),
    ),
    Stage(
        word="clean",
        about="repair, language and quality rules",
        help="Repair text, tell its language, judge its quality.",
        settings=CleanSettings,
        makers=CLEAN,
        policy=Policy(retries=2, back_off_seconds=2),
        works="pipeline_lib.clean.works:works",
        is_guarded=True,
        ledger=Ledger(
            "clean.judge",
            beside=(
                ("clean.signals", "signals.parquet"),
                ("clean.terms", "terms.parquet"),
                ("clean.entities", "entities.parquet"),
                ("clean.scores", "scores.parquet"),
            ),
            telling=("language", "num_words", "num_chars"),
        ),
    ),
    Stage(
        word="dedup",
        about="exact and near duplicates",
        help="Drop exact and near duplicates, against all earlier batches too.",
        settings=DedupSettings,
        makers=DEDUP,
        policy=Policy(retries=2, back_off_seconds=2),
        works="pipeline_lib.dedup.works:works",
        is_guarded=True,
        ledger=Ledger("dedup.decide", file="part-{shard:05d}/ledger.parquet"),
    ),
    Stage(
        word="scrub",
        about="personal data",
        help="Replace personal data by keyed pseudonyms.",
        settings=ScrubSettings,
        makers=SCRUB,
        policy=Policy(retries=2, back_off_seconds=2),
        works="pipeline_lib.scrub.works:works",
        is_guarded=True,
        ledger=Ledger("scrub.text"),
    ),
    Stage(
        word="tokenize",
        about="tokenizer and token shards",
        help="Train the tokenizer once, write token shards and the snapshot.",
        settings=TokenizeSettings,
        makers=TOKENIZE,
        policy=Policy(retries=2, back_off_seconds=2),
        works="pipeline_lib.tokenize.works:works",
        is_guarded=True,
        ledger=Ledger("tokenize.encode"),
    ),
    Stage(
        word="train",
        about="model and training",
        help="Train on the snapshot: the trunk goes on, a decayed branch is the challenger.",
        settings=TrainSettings,
        makers=TRAIN,
        policy=Policy(retries=2, back_off_seconds=10),
    ),
    Stage(
        word="evaluate",
        about="measurement on held-out text",
        help="Measure the challenger on the held-out documents.",
        settings=EvaluateSettings,
        makers=EVALUATE,
        policy=Policy(retries=1, back_off_seconds=5),
    ),
    Stage(
        word="quantize",
        about="smaller variants of the model",
        help="Make and check the quantized variants.",
        settings=QuantizeSettings,
        makers=QUANTIZE,
        policy=Policy(retries=1, back_off_seconds=5),
    ),
    Stage(
        word="register",
        about="MLflow registry and the gate",
        help="Put the challenger into the MLflow registry and let the gate judge it.",
        settings=RegisterSettings,
        makers=REGISTER,
        policy=Policy(retries=4, back_off_seconds=5),
    ),
)
BY_WORD: Mapping[str, Stage] = {stage.word: stage for stage in STAGES}
OF_A_BATCH: tuple[Stage, ...] = tuple(stage for stage in STAGES if stage.works is not None)

AllSettings = with_sections({stage.word: (stage.settings, stage.about) for stage in STAGES}, __name__)


def resolve(config: Path | None, environment: Mapping[str, str], arguments: Sequence[tuple[str, str]]) -> Resolved:
    """The settings of a run. Raises `SettingsError` for a missing file, an unknown key or a wrong value."""
    return resolve_as(AllSettings, config, environment, arguments)


def lay_out(stage: Stage, settings: Settings, board: Board) -> Board:
    """The board of a batch with the works of one more stage."""
    assert stage.works is not None, "its works are of the night"
    module, _, function = stage.works.partition(":")
    works: Any = getattr(import_module(module), function)
    made: Board = works(settings, board)
    return with_sums(made, stage.word)


def with_sums(board: Board, stage: str) -> Board:
    """The board that carries what stands for the step of this stage: a few nodes have the sums over all."""
    return board.carrying(stage, board.steps[-1].whole.ref, partial(lists_work, stage))
