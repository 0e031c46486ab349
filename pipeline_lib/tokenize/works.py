"""The works of tokenize: the tokenizer of the night, the token shards of one batch, the snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_lib.run.board import Board
from pipeline_lib.run.maker import Work, work_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.tokenize.settings import TokenizeSettings, with_terms
from pipeline_lib.tokenize.snapshot import MERGED, SHARDS, SNAPSHOT
from pipeline_lib.tokenize.stage import ENCODE, LEARN


def learn_work(settings: Settings, documents: Ref, terminology: Sequence[str] = ()) -> Work:
    """The tokenizer that is learned from a list of scrubbed shards; each term of a list is one token.

    Raises `SettingsError` where there is no room for so many terms.
    """
    own = with_terms(settings.of(TokenizeSettings), terminology)
    return work_of(LEARN, own, documents=documents, name="tokenizer")


def works(settings: Settings, board: Board) -> Board:
    """scrubbed, tokenizer -> tokens; and the list of token shards."""
    own = settings.of(TokenizeSettings)
    tokenizer = board.wholes["tokenizer"]
    chains = [
        {"tokens": work_of(ENCODE, own, documents=scrubbed, tokenizer=tokenizer, name=f"shard {number}")}
        for number, scrubbed in enumerate(board.shards["scrubbed"])
    ]
    board = board.with_chains("tokenize", chains, {"tokens": "token_shards"})
    table = Work(
        SHARDS,
        params={"label": board.label},
        inputs={
            "batch": board.wholes["batch"],
            "tokens": board.wholes["token_shards"],
            "documents": board.wholes["scrubs"],
        },
        members=board.before("shards"),
        name="table of shards",
    )
    return board.adding({"shards": table}).carrying("shards", table.ref, merged_work)


def merged_work(tables: tuple[Ref, ...]) -> Work:
    """One table of shards for several batches."""
    return Work(MERGED, members=tables, name="table of shards of several batches")


def snapshot_work(
    tokenizer: Ref,
    tables: tuple[Ref, ...],
    queries: Sequence[Mapping[str, Any]],
    *,
    forgotten: Sequence[Sequence[Any]] = (),
) -> Work:
    """The answer to what is asked of the sources, one query each, without what is forgotten (store/forgotten.py)."""
    params = {"sources": list(queries)} | ({"forgotten": [list(one) for one in forgotten]} if forgotten else {})
    return Work(SNAPSHOT, inputs={"tokenizer": tokenizer}, params=params, members=tables, name="snapshot")
