"""The mix: which documents a snapshot leaves out so that caps and weights of its sources are met.

    documents of a source, by their ids -> cap per host -> cap of the source, its part of the mix -> what is left out

Ids are hashes, so what is taken is a sample that depends on nothing but the documents that are there: not on the order
of shards or batches, and a larger cap takes all that a smaller one took. Each cap is met to within one document. What
is held out is not learned, and counts against none.

Light to import: a plan reads the names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.local import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

OVER_HOSTS: Final = "over_hosts"  # a fact of snapshots: by source, what its cap per host keeps out
REASON: Final = "reason"  # a column of excluded.parquet, where there is such a cap
OVER_HOST: Final = "over_cap_of_host"


@dataclass(frozen=True)
class Query:
    """What is asked of one source. None, everywhere: all that is there."""

    source: str
    weight: float | None = None  # its part of the mix
    most_tokens: int | None = None
    most_tokens_per_host: int | None = None
    after: int | None = None  # only batches of a greater number
    before: int | None = None  # and of a smaller one

    def takes(self, batch: int) -> bool:
        """Whether a batch of this number is asked for."""
        return (self.after is None or batch > self.after) and (self.before is None or batch < self.before)

    @property
    def is_bounded(self) -> bool:
        """Whether documents of batches that are asked for may have to go."""
        return any(bound is not None for bound in (self.weight, self.most_tokens, self.most_tokens_per_host))


@dataclass(frozen=True)
class Mix:
    """What is left out: rows as EXCLUDED_SCHEMA, with `REASON` behind them where a source has a cap per host."""

    excluded: "pa.Table"
    over_hosts: Mapping[str, Mapping[str, int]]  # by source


def mixed(inputs: Inputs, table: "pa.Table", withdrawn: "pa.Table", queries: Sequence[Query]) -> Mix:
    """The withdrawn documents, and those that go so that weights and caps are met. `table`: the shards asked for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not any(query.is_bounded for query in queries):
        return Mix(withdrawn, {})
    left, over, facts = {}, [withdrawn.append_column(REASON, pa.nulls(len(withdrawn), pa.string()))], {}
    for query in queries:
        documents = _documents(inputs.store, table, withdrawn, query)
        if query.most_tokens_per_host is not None:
            documents, rows, facts[query.source] = _without_over(documents, query.most_tokens_per_host)
            over.append(_left_out(rows, OVER_HOST))
        left[query.source] = documents
    most = _tokens_to_take(queries, {source: pc.sum(own["num_tokens"]).as_py() or 0 for source, own in left.items()})
    over += [_left_out(_behind(documents, most[source]), None) for source, documents in left.items()]
    excluded = pa.concat_tables(over)
    return Mix(excluded if facts else excluded.drop_columns([REASON]), facts)


def _documents(store: Store, table: "pa.Table", withdrawn: "pa.Table", query: Query) -> "pa.Table":
    """shard, document_id, num_tokens, and host where hosts have a cap, of what may be trained on of a source.

    In the order of the ids; one of several shards in that of their names.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.model.reading.documents import shard_of, trained_on

    parts = []
    for row in table.filter(pc.equal(table["source"], query.source)).to_pylist():
        gone = withdrawn.filter(pc.equal(withdrawn["shard"], row["shard"]))["document_id"].to_pylist()
        ids, num_tokens = trained_on(shard_of(store, row["shard"], row["heldout_share"], gone))
        is_asked = query.most_tokens_per_host is not None
        hosts = _hosts(store, row["documents"], ids) if is_asked else pa.nulls(len(ids), pa.string())
        parts.append(pa.table([pa.repeat(row["shard"], len(ids)), ids, num_tokens, hosts], _names()))
    if not parts:
        return pa.table([pa.array([], kind) for kind in (pa.string(), pa.string(), pa.int64(), pa.string())], _names())
    return pa.concat_tables(parts).sort_by([("document_id", "ascending"), ("shard", "ascending")])


def _names() -> list[str]:
    return ["shard", "document_id", "num_tokens", "host"]


def _hosts(store: Store, scrubbed: str, ids: "pa.Array") -> "pa.Array":
    """The hosts of these documents, by what the texts behind their token shard say. Those stay as long as it does."""
    import pyarrow.compute as pc

    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.tables import read_table
    from pipeline_lib.tokenize.hosts import COLUMNS, hosts_of

    path = store.open("scrub", scrubbed, files=[DOCUMENTS_FILE]).file(DOCUMENTS_FILE)
    documents = read_table(path, list(COLUMNS))
    return hosts_of(documents).take(pc.index_in(ids, documents["document_id"].combine_chunks())).combine_chunks()


def _without_over(documents: "pa.Table", most: int) -> "tuple[pa.Table, pa.Table, dict[str, Any]]":
    """The documents within the cap of their hosts, those over it, and what is said of these."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.tokenize.hosts import as_fact, over_hosts

    num_tokens = _tokens(documents)
    over = over_hosts(documents["host"], num_tokens, most)
    is_over = pa.array(over.is_over)
    return documents.filter(pc.invert(is_over)), documents.filter(is_over), as_fact(over, num_tokens)


def _tokens_to_take(queries: Iterable[Query], there: Mapping[str, int]) -> dict[str, int]:
    """How many tokens each source gives: its cap, and of those with weights what the scarcest of them allows."""
    capped = {q.source: min(there[q.source], q.most_tokens or there[q.source]) for q in queries}
    weighted = {q.source: q.weight for q in queries if q.weight and capped[q.source]}  # one without text waits
    unit = min((capped[source] / weight for source, weight in weighted.items()), default=0.0)
    return {source: round(unit * weighted[source]) if source in weighted else most for source, most in capped.items()}


def _behind(documents: "pa.Table", most: int) -> "pa.Table":
    """The documents behind the first `most` tokens."""
    import numpy as np
    import pyarrow as pa

    num_tokens = _tokens(documents)
    return documents.filter(pa.array(np.cumsum(num_tokens) - num_tokens >= most))


def _tokens(documents: "pa.Table") -> "NDArray[np.int64]":
    import numpy as np

    return np.asarray(documents["num_tokens"], np.int64)


def _left_out(documents: "pa.Table", reason: str | None) -> "pa.Table":
    """Rows of the list of what is left out."""
    import pyarrow as pa

    from pipeline_lib.store.shards import EXCLUDED_SCHEMA

    rows = documents.select(EXCLUDED_SCHEMA.names).cast(EXCLUDED_SCHEMA)
    return rows.append_column(REASON, pa.array([reason] * len(rows), pa.string()))
