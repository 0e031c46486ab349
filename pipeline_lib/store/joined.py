"""What a reader gets of a token shard, wherever its rows lie: in a file of its own, or among those of others.

    path, span = place_of(store, shard)                 ids, sides and lengths of all of its documents
    path, span = place_without(store, shard, excluded)  and their tokens, but for those of the excluded ones

The rows of a shard are the same in both places. Among others a document that had left by then has no tokens any more:
who leaves it out misses nothing, and who would read it finds the shard lost, so that it is encoded again from its text.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Artifact, Store, stamps_of
from pipeline_lib.store.parts import LEFT_FILE, OF_TOKENS, PARTS_FILE, Part, Span
from pipeline_lib.store.schemas import TOKENS_FILE
from pipeline_lib.store.tables import read_table, write_parquet
from pipeline_lib.store.tokens import TokenShard, open_tokens

FILES = (TOKENS_FILE, LEFT_FILE, PARTS_FILE)  # that have something of all shards
LEFT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # of the file of tokens
        pa.field("num_tokens", pa.int64(), nullable=False),  # that it had
    ]
)


def place_of(store: Store, shard: str) -> tuple[Path, Span | None]:
    """The file that has the rows of a token shard, verified, and which of them. Raises `DamagedArtifact` for none."""
    ref = Ref(OF_TOKENS, shard)
    part = None if store.is_apart(ref) else store.held(ref)
    if part is None:
        try:
            return store.open(OF_TOKENS, shard, files=[TOKENS_FILE]).file(TOKENS_FILE), None
        except DamagedArtifact:
            part = None if store.is_apart(ref) else store.held(ref)  # a gc beside who reads has just taken it
            if part is None:
                raise
    try:
        return _place_in(store, part)
    except DamagedArtifact as exc:
        raise DamagedArtifact(str(exc), stage=OF_TOKENS, fingerprint=shard) from exc


def place_without(store: Store, shard: str, excluded: Collection[str]) -> tuple[Path, Span | None]:
    """The same, where the tokens of all documents but the excluded ones are. Raises `DamagedArtifact` for none."""
    path, span = place_of(store, shard)
    if span is None:
        return path, None
    rows = left_in(span)
    names = open_tokens(path).part(span.first, span.count).document_ids.take(pa.array(rows, pa.int64()))
    if not pc.all(pc.is_in(names, pa.array(sorted(excluded), pa.string())), min_count=0).as_py():
        raise DamagedArtifact(
            f"{OF_TOKENS}/{shard}: documents that had left it are asked for once more. Run the same command again: it "
            "is encoded again.",
            stage=OF_TOKENS,
            fingerprint=shard,
        )
    return path, span


def ids_left_in(store: Store, part: Part) -> set[str]:
    """The documents of a shard that have no tokens where it lies among others. Raises `DamagedArtifact`."""
    path, span = _place_in(store, part)
    return set(opened_at(path, span).document_ids.take(pa.array(left_in(span), pa.int64())).to_pylist())


def _place_in(store: Store, part: Part) -> tuple[Path, Span]:
    folder = store.path(part.joined.stage, part.joined.fingerprint)
    opened = _opened(store, part.joined, stamps_of(folder, FILES))
    return opened.file(TOKENS_FILE), Span(part.first, part.count, opened.file(LEFT_FILE))


@lru_cache(maxsize=64)
def _opened(store: Store, joined: Ref, _stamps: tuple[tuple[int, ...], ...]) -> Artifact:
    """What many shards lie in, read and compared once a process as of these stamps: each of them asks."""
    return store.open(joined.stage, joined.fingerprint, files=FILES)


def opened_at(path: Path, span: Span | None, known: Mapping[Path, TokenShard] | None = None) -> TokenShard:
    """The shard at that place, with the lengths that its documents had. `known`: files that are mapped already."""
    whole = (known or {}).get(path) or open_tokens(path)
    if span is None:
        return whole
    part, left = whole.part(span.first, span.count), _left(span)
    lengths = part.lengths.copy()
    lengths[left[:, 0]] = left[:, 1]
    return replace(part, lengths=lengths)


def batches_at(path: Path, span: Span | None) -> Iterator[pa.RecordBatch]:
    """The rows at that place as they lie there, in batches of bounded size, in order."""
    first, last = (0, None) if span is None else (span.first, span.first + span.count)
    start = 0
    for batch in pa.ipc.open_stream(pa.memory_map(str(path))):
        begin, end = max(first - start, 0), batch.num_rows if last is None else min(last - start, batch.num_rows)
        if begin < end:
            yield batch.slice(begin, end - begin)
        start += batch.num_rows


def left_in(span: Span) -> NDArray[np.int64]:
    """The rows of a shard, from its first one on, whose documents had left, int64, rising."""
    return _left(span)[:, 0]


def write_left(rows: Mapping[int, int], path: Path) -> None:
    """Write which rows of the file of tokens are empty, and how many tokens they had."""
    write_parquet(pa.table([list(rows), list(rows.values())], schema=LEFT_SCHEMA), path)


def _left(span: Span) -> NDArray[np.int64]:
    """[L, 2]: rows of a shard, and the tokens that they had."""
    table = read_table(span.left, LEFT_SCHEMA.names)
    columns = np.stack([np.asarray(table[name].to_numpy(), np.int64) for name in LEFT_SCHEMA.names], axis=1)
    own = columns[(columns[:, 0] >= span.first) & (columns[:, 0] < span.first + span.count)]
    shifted: NDArray[np.int64] = own - np.array([span.first, 0])
    return shifted
