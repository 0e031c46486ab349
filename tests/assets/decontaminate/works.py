"""The works of decontaminate on one batch: its decisions take the place of those that it was given."""

from pipeline_lib.decontaminate.settings import DecontaminateSettings
from pipeline_lib.decontaminate.stage import DECIDE
from pipeline_lib.run.board import Board
from pipeline_lib.run.maker import work_of
from pipeline_lib.settings.tree import Settings


def works(settings: Settings, board: Board) -> Board:
    """decided -> decided."""
    decided = work_of(
        DECIDE,
        settings.of(DecontaminateSettings),
        params={"num_shards": board.num_shards},
        decided=board.wholes["decided"],
        name="decisions",
    )
    return board.with_chains("decontaminate", (), {}, [("decided", decided)])
