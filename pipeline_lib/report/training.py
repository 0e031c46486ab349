"""What the newest snapshot gives to a training, counted document by document: for summaries that the law asks for.

    shards.parquet, excluded.parquet -> scrubbed shards (url, language, licence, size), token ledgers -> counts

What is held out or excluded is not learned, and not counted; so the sums are those that the snapshot says of itself.
Text is looked at for its size alone, piece by piece.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.base.errors import DataError
from pipeline_lib.past.made import last_of
from pipeline_lib.report.counts import Counts
from pipeline_lib.report.rows import UNKNOWN
from pipeline_lib.store.files import read_json
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
from pipeline_lib.store.shards import EXCLUDED_FILE, SHARDS_FILE
from pipeline_lib.store.sides import is_held_out, sides_of
from pipeline_lib.store.tables import iterate_evenly, read_table
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.snapshot import SNAPSHOT_FILE

# Kinds of keys, and what stands in their places.
DOCUMENTS: Final = "documents"  # source, language
BYTES: Final = "bytes"  # source, language
TOKENS: Final = "tokens"  # source, language
LICENCE: Final = "licence"  # source, licence: documents
DOMAIN: Final = "domain"  # source, domain: bytes
MONTH: Final = "month"  # source, "2026-11": documents fetched then
REGISTERED: Final = r"(?:^|#)(?P<url>https?://[^/?#@]+)"  # where a url of ours names a page of the web, its server
COLUMNS: Final = ("document_id", "url", "language", "licence", "fetched", "text")


@dataclass(frozen=True)
class Content:
    """What may be learned."""

    counts: Counts
    digest: str  # of the snapshot
    num_documents: int  # as the snapshot says
    num_tokens: int


def content_of(workspace: Workspace) -> Content:
    """Count the newest snapshot. Raises `DataError` before the first refresh, `DamagedArtifact` where text is gone."""
    snapshots = last_of(workspace, "tokenize-snapshot", "tokenize.snapshot")
    if not snapshots:
        raise DataError(f"{workspace.root}: there is no refresh yet. Start one: nightshift run")
    store, ref = workspace.store, snapshots[-1]
    opened = store.open(ref.stage, ref.fingerprint, files=[SNAPSHOT_FILE, SHARDS_FILE, EXCLUDED_FILE])
    said = read_json(opened.file(SNAPSHOT_FILE))
    left_out = read_table(opened.file(EXCLUDED_FILE), ["shard", "document_id"])
    counts = Counts()
    for row in read_table(opened.file(SHARDS_FILE)).to_pylist():
        text = store.open("scrub", row["documents"], files=[DOCUMENTS_FILE]).file(DOCUMENTS_FILE)
        ledger = store.open("tokenize", row["shard"], files=[LEDGER_FILE]).file(LEDGER_FILE)
        excluded = left_out.filter(pc.equal(left_out["shard"], row["shard"]))["document_id"]
        _add_shard(text, ledger, row, excluded, counts)
    return Content(counts, said["digest"], said["num_documents"], said["num_tokens"])


def _add_shard(text: Path, ledger: Path, row: dict[str, Any], excluded: pa.ChunkedArray, counts: Counts) -> None:
    sizes = read_table(ledger, ["is_kept", "num_tokens"])
    at = 0
    for part in iterate_evenly(text, COLUMNS):
        beside = sizes.slice(at, part.num_rows)
        at += part.num_rows
        urls = part["url"].to_pylist()
        held_out = is_held_out(sides_of([row["source"]] * len(urls), urls), row["heldout_share"])
        is_out = pc.is_in(part["document_id"], excluded.combine_chunks())
        is_learned = pc.and_(beside["is_kept"], pc.invert(pc.or_(pa.chunked_array([pa.array(held_out)]), is_out)))
        _add(part.append_column("num_tokens", beside["num_tokens"]).filter(is_learned), row["source"], counts)


def _add(learned: pa.Table, source: str, counts: Counts) -> None:
    sizes = np.asarray(pc.binary_length(learned["text"]).combine_chunks(), np.int64)
    tokens = np.asarray(learned["num_tokens"].combine_chunks(), np.int64)
    for name, size, number in _sums(learned["language"].fill_null(UNKNOWN), sizes, tokens):
        counts[DOCUMENTS, source, name] += number
        counts[BYTES, source, name] += size[0]
        counts[TOKENS, source, name] += size[1]
    for name, _, number in _sums(learned["licence"].drop_null()):
        counts[LICENCE, source, name] += number
    for name, _, number in _sums(pc.strftime(learned["fetched"].drop_null(), format="%Y-%m")):
        counts[MONTH, source, name] += number
    servers = pc.struct_field(pc.extract_regex(learned["url"], REGISTERED), "url").fill_null("")
    for server, size, _ in _sums(servers, sizes):
        if server:
            counts[DOMAIN, source, domain_of(server)] += size[0]


def _sums(column: pa.ChunkedArray, *weights: Any) -> Iterator[tuple[str, list[int], int]]:
    """Of each value of a column the sums of the weights, and how often it comes."""
    encoded = column.combine_chunks().dictionary_encode()
    codes, names = np.asarray(encoded.indices, np.int64), encoded.dictionary.to_pylist()
    sums = [np.bincount(codes, weight, minlength=len(names)) for weight in weights]
    numbers = np.bincount(codes, minlength=len(names))
    for at, name in enumerate(names):
        yield name, [int(one[at]) for one in sums], int(numbers[at])


@lru_cache(maxsize=100_000)
def domain_of(server: str) -> str:
    """The domain that somebody has registered ("bbc.co.uk", by the Public Suffix List), else the host itself."""
    from tld import get_fld

    found = get_fld(server, fail_silently=True)
    return found or server.rpartition("/")[2].rpartition(":")[0] or server.rpartition("/")[2]


def top_domains(counts: Counts, source: str, *, is_sme: bool) -> tuple[list[str], int]:
    """The domains with the most text: a tenth, of an SME a twentieth and at most 1,000; and how many there are."""
    sizes = Counter({key[2]: size for key, size in counts.items() if key[:2] == (DOMAIN, source)})
    most = min(-(-len(sizes) // 20), 1000) if is_sme else -(-len(sizes) // 10)
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return [name for name, _ in ordered[:most]], len(sizes)
