"""The decision about one batch: first the same texts, then nearly the same ones.

The first document seen stays, in the order: earlier batches, shards, rows. Of a group (a connected component of
verified pairs) without an earlier document the first member stays; a group that touches an earlier batch loses all its
new members. `duplicate_of` always names a document that stays: a verified partner where one stays, else the one that
stays of its group; then the Jaccard with it may be below the limit, and it is reported as it is.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.dedup.entries import Entries, join, read_batch, read_earlier
from pipeline_lib.dedup.link import Links, Nodes, jaccard, link
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import Earlier
from pipeline_lib.dedup.texts import ShingleSets, normalize, shingle_sets
from pipeline_lib.store.tables import read_table


@dataclass(frozen=True)
class Verdict:
    """Why a document goes."""

    duplicate_of: str  # id of a document that stays
    method: str  # "exact", "minhash" or "simhash"
    jaccard: float
    is_against_earlier: bool  # what stays is in an earlier batch


@dataclass(frozen=True)
class Decision:
    """The documents of a batch and, for each position that goes, why."""

    batch: Entries
    verdicts: Mapping[int, Verdict]
    num_candidates: int
    num_verified: int


def decide_batch(settings: DedupSettings, shards: Sequence[tuple[Path, Path]], earlier: Sequence[Earlier]) -> Decision:
    """Decide every document of the batch; arguments as those of `stage.decide`."""
    batch = read_batch(settings, shards)
    older = read_earlier(settings, earlier, batch)
    exact, twins = _same_texts(batch, older)
    remaining = np.array([p for p in range(len(batch)) if p not in exact and p not in twins], np.int64)
    near, links = _near_texts(settings, older, batch.take(remaining))
    verdicts = exact | {int(remaining[node]): verdict for node, verdict in near.items()}
    ids = batch.document_ids
    for position, first in twins.items():
        verdicts[position] = verdicts.get(first) or Verdict(ids[first], "exact", 1.0, False)
    return Decision(batch, verdicts, links.num_candidates, links.num_verified)


def _same_texts(batch: Entries, older: Entries) -> tuple[dict[int, Verdict], dict[int, int]]:
    """Texts that an earlier batch has, and texts that this batch has before: position of the twin by position.

    A twin shares the fate of the first one: if that goes as a near-duplicate, both go as that.
    """
    earlier_ids = dict(zip(older.table["content_id"].to_pylist(), older.document_ids, strict=True))
    first_seen: dict[str, int] = {}
    exact: dict[int, Verdict] = {}
    twins: dict[int, int] = {}
    for position, content_id in enumerate(batch.table["content_id"].to_pylist()):
        if content_id in earlier_ids:
            exact[position] = Verdict(earlier_ids[content_id], "exact", 1.0, True)
        elif first_seen.setdefault(content_id, position) != position:
            twins[position] = first_seen[content_id]
    return exact, twins


def _near_texts(settings: DedupSettings, older: Entries, new: Entries) -> tuple[dict[int, Verdict], Links]:
    """Verdicts by row of `new`: for every new document that is linked to an older one."""
    entries = join(older, new)
    nodes = Nodes(
        entries.keys,
        entries.table["simhash"].fill_null(0).to_numpy(),  # with MinHash all are 0, and so no pair is far apart
        entries.table["has_tokens"].to_numpy(),
        num_earlier=len(older),
    )
    bits = settings.max_hamming_bits
    candidates = link(nodes, max_hamming_bits=bits, sets=None, jaccard_at_least=0)
    sets = _read_sets(entries, np.flatnonzero(candidates.is_linked), settings.shingle_tokens)
    links = link(nodes, max_hamming_bits=bits, sets=sets, jaccard_at_least=settings.jaccard_at_least)
    return _verdicts(entries, len(older), links, sets, str(settings.method)), links


def _read_sets(entries: Entries, wanted: NDArray[np.int64], shingle_tokens: int) -> ShingleSets:
    """The shingle sets of the `wanted` entries, read file by file; all others are empty."""
    sizes = np.zeros(len(entries), np.int64)
    values = [np.empty(0, np.uint64)]
    rows = entries.table["row"].to_numpy()
    for number, group in itertools.groupby(wanted.tolist(), key=lambda entry: entries.file_numbers[entry]):
        members = list(group)
        texts = read_table(entries.files[number](), columns=["text"])["text"].take(rows[members])
        sets = shingle_sets(normalize(texts), shingle_tokens)
        sizes[members] = np.diff(sets.offsets)
        values.append(sets.values)
    return ShingleSets(np.concatenate(values), np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))


def _verdicts(entries: Entries, num_earlier: int, links: Links, sets: ShingleSets, method: str) -> dict[int, Verdict]:
    """One verdict for each new entry that is not the oldest of its component."""
    ids = entries.document_ids
    kept = defaultdict(list)  # of each component that has an earlier member: all its earlier members
    for node in np.flatnonzero(links.is_linked[:num_earlier]).tolist():
        kept[int(links.roots[node])].append(node)
    verdicts = {}
    for node in np.flatnonzero(links.roots != np.arange(len(entries))).tolist():
        if node < num_earlier:
            continue
        root = int(links.roots[node])
        alike = [(jaccard(sets.values, sets.offsets, partner, node), partner) for partner in kept[root] or [root]]
        value, partner = max(alike, key=lambda pair: (pair[0], -pair[1]))
        verdicts[node - num_earlier] = Verdict(ids[partner], method, value, partner < num_earlier)
    return verdicts
