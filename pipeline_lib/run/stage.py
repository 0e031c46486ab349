"""What a stage is: one row of the table of stages (pipeline_lib/stages.py), from which all else about it is derived."""

from dataclasses import dataclass

from pipeline_lib.base.settings import StageSettings
from pipeline_lib.run.maker import Maker


@dataclass(frozen=True)
class Policy:
    """How often and how hard a stage is tried again after an error that may recover."""

    retries: int
    back_off_seconds: float  # doubled at each try
    jitter: float = 0.5  # share by which a wait may be longer


@dataclass(frozen=True)
class Ledger:
    """Where a stage keeps what it decided on each document: what `nightshift why` reads and the funnel counts."""

    maker: str  # "clean.judge": one artifact a shard, or one a batch
    file: str = "ledger.parquet"  # "{shard}" is the number of the shard, where one artifact holds those of all
    beside: tuple[tuple[str, str], ...] = ()  # (maker, file) of columns with the same rows, one artifact a shard
    telling: tuple[str, ...] = ()  # of many values, those that say most


@dataclass(frozen=True)
class Stage:
    """One stage: its word names the module, the settings section, the task, the folder of artifacts and the command."""

    word: str
    about: str  # of its settings section
    help: str  # of its command
    settings: type[StageSettings]
    makers: tuple[Maker, ...]
    policy: Policy
    works: str | None = None  # "module:function" that lays out its works on one batch; None: its works are of the night
    is_guarded: bool = False  # losing far more documents than usual stops the night
    ledger: Ledger | None = None
