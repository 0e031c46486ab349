"""The snapshot: what a training may read, as a query over the settings' sources, answered by a list of token shards.

    shards (a batch)   the table of its token shards, and the documents of earlier batches that it withdraws
    merged             such tables of several batches as one
    snapshot           all tables -> the rows of the sources that are asked for, the documents that are left out

A withdrawn or edited document is a line of `excluded.parquet`: no shard is written again for it. How many tokens leave
with it is looked up once, in the night that withdraws it: a snapshot opens no shard for what left before. A source that
is taken out of the settings leaves with the next snapshot; its text stays in the workspace, and is named.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome, Ref, digest_of
from pipeline_lib.store.files import write_json
from pipeline_lib.store.forgotten import among, by_shard, forget_key
from pipeline_lib.tokenize.live import LIVE, Sums, as_fact, brought, summed, taken
from pipeline_lib.tokenize.mix import OVER_HOSTS, Query, mixed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SNAPSHOT_FILE = "snapshot.json"
HELD_OUT = "held_out"  # a fact of tables of shards: documents by source

Place = tuple[str, int]  # a batch of ingest, and the number of a shard of it


def make_shards(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The table of one batch. In: `batch` (of ingest), `tokens` and `documents` (lists, an entry a shard).

    Its members are the tables of all batches before it: what it withdraws lies in their shards.
    """
    import pyarrow as pa

    from pipeline_lib.model.reading.documents import count, shard_of
    from pipeline_lib.store.shards import COUNTS_FILE, SHARDS_SCHEMA, read_counts
    from pipeline_lib.store.tables import read_table

    batch = inputs.manifest("batch")
    inventory = read_table(inputs.file("batch", "inventory.parquet"), ["shard", "heldout_share"])
    shares = dict(zip(*(inventory[name].to_pylist() for name in inventory.column_names), strict=True))
    rows = []
    live = Counter[str]()
    for part, (own, text) in enumerate(zip(inputs.members("tokens"), inputs.members("documents"), strict=True)):
        num_documents, num_tokens = count(shard_of(inputs.store, own.fingerprint, shares[part]))
        found = inputs.store.read(own.stage, own.fingerprint)
        live.update(brought(found.facts, found.rows_out - num_documents))
        rows.append(
            {
                "batch": batch.fingerprint,
                "label": inputs.params["label"],
                "source": batch.facts["source"],
                "part": part,
                "shard": own.fingerprint,
                "documents": text.fingerprint,
                "digest": found.digest,
                "heldout_share": shares[part],
                "num_documents": num_documents,
                "num_tokens": num_tokens,
                "num_held_out": found.rows_out - num_documents,
            }
        )
    counts = read_counts(inputs.files("tokens", COUNTS_FILE))
    gone, left = _gone(inputs)
    live.subtract(left)
    shards = pa.Table.from_pylist(rows, SHARDS_SCHEMA)
    return _write(shards, gone, counts, {batch.facts["source"]: live}, folder)


def _gone(inputs: Inputs) -> "tuple[pa.Table, Counter[str]]":
    """The documents that a batch withdraws, with the tokens that leave with them, and what they come to (live.py).

    Only their shards are looked at.
    """
    import pyarrow as pa

    from pipeline_lib.store.shards import GONE_SCHEMA
    from pipeline_lib.store.tables import read_table

    stones = read_table(inputs.file("batch", "tombstones.parquet"), ["document_id", "batch", "shard"]).to_pylist()
    leaving: dict[Place, list[str]] = {}
    for stone in stones:
        leaving.setdefault((stone["batch"], stone["shard"]), []).append(stone["document_id"])
    lost, left = _lost(inputs, leaving) if leaving else ({}, Counter[str]())
    rows = [(document, *place, lost.get(place, {}).get(document)) for place in leaving for document in leaving[place]]
    return pa.Table.from_pylist([dict(zip(GONE_SCHEMA.names, row, strict=True)) for row in rows], GONE_SCHEMA), left


def _lost(inputs: Inputs, leaving: Mapping[Place, Sequence[str]]) -> tuple[dict[Place, dict[str, int]], Counter[str]]:
    """For each shard that something leaves the documents that were trained on, and how many tokens they have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.model.reading.documents import left_out, num_held_out_of, shard_of
    from pipeline_lib.store.shards import read_rows

    table = read_rows(inputs.store, inputs.listed)
    lost, left = {}, Counter[str]()
    for row in table.filter(pc.is_in(table["batch"], pa.array(sorted({batch for batch, _ in leaving})))).to_pylist():
        if (place := (row["batch"], row["part"])) in leaving:
            shard = shard_of(inputs.store, row["shard"], row["heldout_share"], leaving[place])
            lost[place] = dict(left_out(shard))
            left.update(taken(inputs.store, row["shard"], row["documents"], leaving[place], num_held_out_of(shard)))
    return lost, left


def merge_shards(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The tables of several batches as one, in their order."""
    from pipeline_lib.store.shards import read_shards

    live = summed(inputs.store.read(ref.stage, ref.fingerprint).facts for ref in inputs.listed)
    return _write(*read_shards(inputs.store, inputs.listed), _counts(inputs, inputs.listed), live, folder)


def _counts(inputs: Inputs, refs: Iterable[Ref]) -> "NDArray[np.int64]":
    """How often each token comes in these artifacts."""
    from pipeline_lib.store.shards import COUNTS_FILE, read_counts

    opened = (inputs.store.open(ref.stage, ref.fingerprint, files=[COUNTS_FILE]) for ref in refs)
    return read_counts(artifact.file(COUNTS_FILE) for artifact in opened)


def _write(
    shards: "pa.Table", gone: "pa.Table", counts: "NDArray[np.int64]", live: Sums | None, folder: Path
) -> Outcome:
    from pipeline_lib.store.shards import COUNTS_FILE, GONE_FILE, SHARDS_FILE, totals_of, write_counts
    from pipeline_lib.store.tables import write_parquet

    write_counts(counts, folder / COUNTS_FILE)

    write_parquet(shards, folder / SHARDS_FILE)
    write_parquet(gone, folder / GONE_FILE)
    held_out = {name: number for name, number in _held_out(shards).items() if number}
    standing = {} if live is None else {LIVE: as_fact(live)}
    return Outcome(len(shards), len(shards), facts={**totals_of(shards), HELD_OUT: held_out, **standing})


def _held_out(shards: "pa.Table") -> dict[str, int]:
    """Held-out documents by source."""
    counts: dict[str, int] = {}
    for source, number in zip(*(shards[name].to_pylist() for name in ("source", "num_held_out")), strict=True):
        counts[source] = counts.get(source, 0) + number
    return dict(sorted(counts.items()))


def make_snapshot(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The answer to the query in `params["sources"]`. In: `tokenizer`; the tables of all batches as members.

    `params["forgotten"]`, which may be missing: [batch, part, hash] of each document that is left out for good.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.store.shards import (
        COUNTS_FILE,
        EXCLUDED_FILE,
        SHARDS_FILE,
        excluded_of,
        read_shards,
        totals_of,
        without,
        write_counts,
    )
    from pipeline_lib.store.tables import write_parquet

    table, gone = read_shards(inputs.store, inputs.listed)
    queries = [Query(**query) for query in inputs.params["sources"]]
    of_sources = table.filter(pc.is_in(table["source"], pa.array([query.source for query in queries], pa.string())))
    asked = _between(of_sources, queries)
    gone = pa.concat_tables([gone, _forgotten(inputs, asked, gone)])
    mix = mixed(inputs, asked, excluded_of(asked, gone), queries)
    excluded, asked = mix.excluded, without(asked, mix.excluded)
    write_parquet(asked, folder / SHARDS_FILE)
    write_parquet(excluded, folder / EXCLUDED_FILE)
    is_all = len(asked) == len(table)
    own = inputs.listed if is_all else [Ref("tokenize", name) for name in asked["shard"].to_pylist()]
    write_counts(_counts(inputs, own), folder / COUNTS_FILE)
    content = {
        "tokenizer": inputs.manifest("tokenizer").digest,
        "shards": list(zip(asked["digest"].to_pylist(), asked["heldout_share"].to_pylist(), strict=True)),
        "excluded": digest_of(sorted(excluded["document_id"].to_pylist())),
    }
    not_asked = sorted(set(table["source"].to_pylist()) - {query.source for query in queries})
    facts = {
        "digest": digest_of(content),
        "num_excluded_documents": len(excluded),
        "not_asked_for": not_asked,
        **totals_of(asked),
        **({OVER_HOSTS: mix.over_hosts} if mix.over_hosts else {}),
    }
    write_json(folder / SNAPSHOT_FILE, {**facts, "batches": _by_batch(asked)})
    left_out = {"not_asked_for": len(table) - len(of_sources), "arrived_outside": len(of_sources) - len(asked)}
    dropped = {reason: number for reason, number in left_out.items() if number}
    return Outcome(len(table), len(asked), dropped, facts=facts)


def _forgotten(inputs: Inputs, table: "pa.Table", gone: "pa.Table") -> "pa.Table":
    """The forgotten documents of these shards that did not leave with a batch, as GONE_SCHEMA. Only their shards are
    looked at."""
    import pyarrow as pa

    from pipeline_lib.model.reading.documents import left_out, names_of, shard_of
    from pipeline_lib.store.shards import GONE_SCHEMA

    leaving = by_shard(inputs.params.get("forgotten", ()))
    known = set(zip(*(gone[name].to_pylist() for name in ("batch", "part", "document_id")), strict=True))
    rows = []
    for row in table.to_pylist() if leaving else ():
        place = (row["batch"], row["part"])
        if place not in leaving:
            continue
        shard = shard_of(inputs.store, row["shard"], row["heldout_share"])
        found = among(names_of(shard), leaving[place], forget_key(inputs.workspace))
        own = [one for one in found if (*place, one) not in known]
        lost = dict(left_out(replace(shard, excluded=tuple(own))))
        rows += [(document, *place, lost.get(document)) for document in own]
    return pa.Table.from_pylist([dict(zip(GONE_SCHEMA.names, row, strict=True)) for row in rows], GONE_SCHEMA)


def _between(table: "pa.Table", queries: Sequence[Query]) -> "pa.Table":
    """The rows of batches that are neither too early nor too late for what is asked of their source."""
    import pyarrow as pa

    if all(query.after is None and query.before is None for query in queries):
        return table
    asked = {query.source: query for query in queries}
    numbers = (int(label.partition("-")[0]) for label in table["label"].to_pylist())
    is_in = [asked[name].takes(number) for name, number in zip(table["source"].to_pylist(), numbers, strict=True)]
    return table.filter(pa.array(is_in, pa.bool_()))


def _by_batch(table: "pa.Table") -> dict[str, dict[str, Any]]:
    """Tokens and content of each batch by label: what two snapshots are compared by."""
    batches: dict[str, dict[str, Any]] = {}
    for label, digest, tokens in zip(*(table[n].to_pylist() for n in ("label", "digest", "num_tokens")), strict=True):
        entry = batches.setdefault(label, {"digests": [], "num_tokens": 0})
        entry["digests"].append(digest)
        entry["num_tokens"] += tokens
    return {
        label: {
            "digest": entry["digests"][0] if len(entry["digests"]) == 1 else digest_of(entry["digests"]),
            "num_tokens": entry["num_tokens"],
        }
        for label, entry in batches.items()
    }


def diff(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a snapshot has that the one before had not: added, changed and removed batches, tokens, exclusions."""
    after, before = new["batches"], (old or {}).get("batches", {})
    shared = before.keys() & after.keys()
    return {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(name for name in shared if after[name]["digest"] != before[name]["digest"]),
        "removed": sorted(before.keys() - after.keys()),
        "num_tokens": new["num_tokens"] - (old or {}).get("num_tokens", 0),
        "num_excluded_documents": new["num_excluded_documents"] - (old or {}).get("num_excluded_documents", 0),
    }


SHARDS = Maker("tokenize.shards", 2, "shards.v1", make_shards, is_light=True)
MERGED = Maker("tokenize.merged", 1, "shards.v1", merge_shards, is_light=True)
SNAPSHOT = Maker("tokenize.snapshot", 2, "snapshot.v1", make_snapshot, is_light=True)
