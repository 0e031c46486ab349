"""The works of scrub on one batch: the documents that clean and dedup keep, without personal data, shard by shard."""

from pipeline_lib.run.board import Board
from pipeline_lib.run.maker import Work, work_of
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.scrub.stage import TEXT
from pipeline_lib.settings.tree import Settings


def works(settings: Settings, board: Board) -> Board:
    """text, signals, judged, decided -> scrubbed; and the list of scrubbed shards."""
    own = settings.of(ScrubSettings)
    chains = [{"scrubbed": _shard(own, board, number)} for number in range(board.num_shards)]
    return board.with_chains("scrub", chains, {"scrubbed": "scrubs"})


def _shard(settings: ScrubSettings, board: Board, number: int) -> Work:
    return work_of(
        TEXT,
        settings,
        params={"part": number, "key_id": board.params["key_id"]},
        name=f"shard {number}",
        text=board.shards["text"][number],
        signals=board.shards["signals"][number],
        judged=board.shards["judged"][number],
        decided=board.wholes["decided"],
    )
