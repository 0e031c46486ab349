"""The works of dedup on one batch: sketches of all its documents, then the decision against all batches before it.

The past is carried as segments of the index (dedup/index.py): a decided batch is one, and four become a larger one.
"""

from functools import partial

from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import DECIDE, INDEX, SKETCH
from pipeline_lib.run.board import Board
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import Work, work_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref


def works(settings: Settings, board: Board) -> Board:
    """texts, judgements, batch -> sketches, decided; the index is carried on."""
    own = settings.of(DedupSettings)
    chains = [
        {"sketch": work_of(SKETCH, own, params=own.outside(), text=text, name=f"shard {number}: sketch")}
        for number, text in enumerate(board.shards["text"])
    ]
    sketches = list_works("dedup", [chain["sketch"].ref for chain in chains], name="sketches")
    decided = Work(
        DECIDE,
        own.only(DECIDE.reads),
        inputs={
            "texts": board.wholes["texts"],
            "sketches": sketches[-1].ref,
            "judged": board.wholes["judgements"],
            "withdrawn": board.wholes["batch"],
        },
        members=board.before("index"),
        name="decisions",
    )
    board = board.with_chains("dedup", chains, {"sketch": "sketches"}, [("decided", decided)])
    oldest = (*board.before("index"), decided.ref)[0]
    return board.carrying("index", decided.ref, partial(_merged, oldest=oldest))


def _merged(segments: tuple[Ref, ...], *, oldest: Ref) -> Work:
    """Segments as one. Behind the oldest of all, what they withdrew is done with."""
    return Work(
        INDEX, None, params={"is_oldest": segments[0] == oldest}, members=segments, name="index of several batches"
    )
