"""The negative control: the text without the step, less as many documents as the step takes out, drawn at random.

    ablate.control   a snapshot -> the same one, in which `num_documents` more are left out

Fewer documents are another text by themselves: a step is worth something where it beats this. The draw is by a hash of
seed and document, so it is the same on each machine. One document at least goes: where a step takes none out, that is
enough to lay all rows otherwise, and the control shows what chance alone does.
"""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.store.artifact import Outcome, Ref

if TYPE_CHECKING:
    import pyarrow as pa

LEAST = 1  # documents
STAGE = "ablate"


def control_work(snapshot: Ref, num_documents: int, seed: int) -> Work:
    """The control of a seed, of the snapshot without the step."""
    params = {"num_documents": max(LEAST, num_documents), "seed": seed}
    return Work(CONTROL, inputs={"snapshot": snapshot}, params=params, name="control")


def make_control(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """Leave documents out of a snapshot. Rows are its token shards."""
    import pyarrow as pa

    from pipeline_lib.store.shards import EXCLUDED_FILE, EXCLUDED_SCHEMA, SHARDS_FILE, totals_of, without
    from pipeline_lib.store.tables import read_table, write_parquet

    table = read_table(inputs.file("snapshot", SHARDS_FILE))
    excluded = read_table(inputs.file("snapshot", EXCLUDED_FILE), EXCLUDED_SCHEMA.names)
    drawn = _drawn(inputs, table, excluded)
    rows = [dict(zip(EXCLUDED_SCHEMA.names, one, strict=True)) for one in drawn]
    more = pa.Table.from_pylist(rows, EXCLUDED_SCHEMA)
    left = without(table, more)
    write_parquet(left, folder / SHARDS_FILE)
    write_parquet(pa.concat_tables([excluded.cast(EXCLUDED_SCHEMA), more]), folder / EXCLUDED_FILE)
    return Outcome(len(left), len(left), facts={"num_excluded_documents": len(excluded) + len(more), **totals_of(left)})


def _drawn(inputs: Inputs, table: "pa.Table", excluded: "pa.Table") -> list[tuple[str, str, int]]:
    """(token shard, document, tokens) of those that are left out, in the order of the shards."""
    from pipeline_lib.model.reading.documents import shard_of, trained_on

    left: dict[str, list[str]] = {}
    for shard, name in zip(excluded["shard"].to_pylist(), excluded["document_id"].to_pylist(), strict=True):
        left.setdefault(shard, []).append(name)

    def documents() -> Iterator[tuple[int, int, str, str, int]]:
        places = zip(table["shard"].to_pylist(), table["heldout_share"].to_pylist(), strict=True)
        for number, (shard, share) in enumerate(places):
            names, lengths = trained_on(shard_of(inputs.store, shard, share, left.get(shard, ())))
            for name, num_tokens in zip(names.to_pylist(), lengths.tolist(), strict=True):
                draw = xxhash.xxh3_64_intdigest(f"{inputs.params['seed']}/{shard}/{name}".encode())
                yield draw, number, shard, name, num_tokens

    chosen = heapq.nsmallest(int(inputs.params["num_documents"]), documents())
    return [(shard, name, num_tokens) for _, _, shard, name, num_tokens in sorted(chosen, key=lambda one: one[1:4])]


CONTROL = Maker("ablate.control", 1, "snapshot.v1", make_control, is_light=True)
