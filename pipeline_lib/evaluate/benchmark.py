"""A benchmark: held-out documents with their texts, kept as long as models are compared on them.

    documents of scrub -> held out by the share of their shard, not withdrawn, not empty -> those with the smallest ids

Ids are hashes, so the choice is as good as random, the same on every machine, and stays nearly the same when documents
are added. Two passes in pieces: the first one keeps ids alone, so memory follows `max_documents`, not the text. What an
earlier benchmark holds stays as long as it is not withdrawn; only the places left are filled.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.model.measured import UNKNOWN
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.sides import is_held_out, sides_of
from pipeline_lib.store.tables import TableWriter, iterate


@dataclass(frozen=True)
class Benchmark:
    """What benchmark.json says of the documents beside it."""

    name: str  # "frozen" or "fresh"
    generation: int
    num_documents: int
    num_bytes: int  # UTF-8
    num_held_out: int  # documents that could have been taken: more than there are places for, or as many
    sources: Mapping[str, int]  # documents of each
    languages: Mapping[str, int]


@dataclass(frozen=True)
class Shard:
    """A file to take documents from. Without a share all of them are on our side: they come from a benchmark."""

    path: Path
    share: float | None = None
    left: frozenset[str] = frozenset()  # documents of it that left their source


@dataclass(frozen=True)
class Choice:
    """Which documents are taken, and what became of the others."""

    ids: tuple[frozenset[str], ...]  # of each shard, in the order of the shards
    rows_in: int
    num_held_out: int
    dropped: Mapping[str, int]


def choose(before: Sequence[Shard], shards: Sequence[Shard], *, at_most: int) -> Choice:
    """The documents of `before`, then those of `shards` with the smallest ids, until there are `at_most`."""
    counts: Counter[str] = Counter()
    kept = _pick(before, {}, counts, at_most)
    added = _pick(shards, kept, counts, at_most - len(kept))
    ids: list[set[str]] = [set() for _ in (*before, *shards)]
    for name, place in kept.items():
        ids[place].add(name)
    for name, place in added.items():
        ids[len(before) + place].add(name)
    rows, num_held_out = counts.pop("rows", 0), counts.pop("held_out", 0)
    dropped = {**counts, "over_max_documents": num_held_out - len(kept) - len(added)}
    return Choice(
        tuple(map(frozenset, ids)),
        rows_in=rows,
        num_held_out=num_held_out,
        dropped={reason: count for reason, count in sorted(dropped.items()) if count},
    )


def write_chosen(shards: Sequence[Shard], choice: Choice, path: Path) -> None:
    """Write the chosen documents, in the order of the shards."""
    with TableWriter(path, DOCUMENTS_SCHEMA) as writer:
        for shard, ids in zip(shards, choice.ids, strict=True):
            for table in iterate(shard.path, DOCUMENTS_SCHEMA.names) if ids else ():
                writer.write(table.filter(pc.is_in(table["document_id"], pa.array(sorted(ids), pa.string()))))


def describe(path: Path, choice: Choice, *, name: str, generation: int) -> Benchmark:
    """What is in a file of chosen documents."""
    sources: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    num_bytes = 0
    for table in iterate(path, ["source", "language", "text"]):
        sources.update(table["source"].to_pylist())
        languages.update(language or UNKNOWN for language in table["language"].to_pylist())
        num_bytes += int(pc.sum(pc.binary_length(table["text"])).as_py())
    return Benchmark(
        name, generation, sources.total(), num_bytes, choice.num_held_out, _sorted(sources), _sorted(languages)
    )


def to_json(benchmark: Benchmark) -> dict[str, Any]:
    """A benchmark as JSON."""
    return asdict(benchmark)


def _pick(shards: Sequence[Shard], known: Collection[str], counts: Counter[str], at_most: int) -> dict[str, int]:
    """The smallest ids that can be taken, each with the number of its shard."""
    found: dict[str, int] = {}
    for place, shard in enumerate(shards):
        for name in _candidates(shard, known, counts):
            found.setdefault(name, place)
        found = {name: found[name] for name in sorted(found)[:at_most]}
    return found


def _candidates(shard: Shard, known: Collection[str], counts: Counter[str]) -> Iterator[str]:
    """The ids that can be taken of a shard; `counts` learns of the others by reason, and of "rows" and "held_out"."""
    for table in iterate(shard.path, ["document_id", "source", "url", "text"]):
        is_ours = _is_ours(table, shard.share)
        lengths = pc.binary_length(table["text"]).to_pylist()
        counts["rows"] += table.num_rows
        for name, is_right_side, length in zip(table["document_id"].to_pylist(), is_ours, lengths, strict=True):
            reason = _reason(name, bool(is_right_side), length, shard.left, known)
            counts[reason or "held_out"] += 1
            if reason is None:
                yield name


def _is_ours(table: Any, share: float | None) -> Any:
    if share is None:
        return np.ones(table.num_rows, np.bool_)
    return is_held_out(sides_of(table["source"].to_pylist(), table["url"].to_pylist()), share)


def _reason(name: str, is_right_side: bool, length: int, left: Collection[str], known: Collection[str]) -> str | None:
    """Why a document cannot be taken."""
    if not is_right_side:
        return "learned_from"
    if name in left:
        return "withdrawn"
    if length == 0:
        return "empty_text"
    return "known" if name in known else None


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
