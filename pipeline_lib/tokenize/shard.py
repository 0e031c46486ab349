"""Encode one shard of documents, piece by piece: memory follows the size of a piece, not that of the shard."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import LEDGER_FILE, LEDGER_SCHEMA, TOKENS_FILE
from pipeline_lib.store.shards import COUNTS_FILE, write_counts
from pipeline_lib.store.sides import side_of
from pipeline_lib.store.tables import TableWriter, iterate
from pipeline_lib.store.tokens import TokensWriter
from pipeline_lib.tokenize import vocabulary
from pipeline_lib.tokenize.encode import CheckedEncoder
from pipeline_lib.tokenize.fit import BYTES_OF, TOKENS_OF, UNKNOWN

COLUMNS: Final = ("document_id", "source", "url", "language", "text")
EMPTY: Final = "empty_after_scrub"
TOKENS_LEDGER_SCHEMA: Final = pa.schema(
    [*LEDGER_SCHEMA, pa.field("num_tokens", pa.int64()), pa.field("num_bytes", pa.int64(), nullable=False)]
)


@dataclass
class _Sums:
    """What is counted over the shard."""

    counts: NDArray[np.int64]  # [V]
    num_rows: int = 0
    documents: Counter[str] = field(default_factory=Counter)  # by language
    num_bytes: Counter[str] = field(default_factory=Counter)
    num_tokens: Counter[str] = field(default_factory=Counter)


def encode_shard(tokenizer: Path, documents: Path, folder: Path) -> Outcome:
    """Write tokens, counts and ledger of all documents; one without text is dropped."""
    bpe = vocabulary.load(tokenizer)
    encoder = CheckedEncoder(bpe)
    sums = _Sums(np.zeros(bpe.get_vocab_size(), np.int64))
    with (
        TokensWriter(folder / TOKENS_FILE, len(sums.counts)) as tokens,
        TableWriter(folder / LEDGER_FILE, TOKENS_LEDGER_SCHEMA) as ledger,
    ):
        for piece in iterate(documents, COLUMNS):
            _encode_piece(piece.to_pylist(), encoder, tokens, ledger, sums)
    write_counts(sums.counts, folder / COUNTS_FILE)
    num_empty = sums.num_rows - tokens.num_rows
    return Outcome(
        rows_in=sums.num_rows,
        rows_out=tokens.num_rows,
        dropped={EMPTY: num_empty} if num_empty else {},
        file_rows={TOKENS_FILE: tokens.num_rows, LEDGER_FILE: ledger.num_rows, COUNTS_FILE: len(sums.counts)},
        facts=_facts(sums, encoder.name),
    )


def _encode_piece(
    rows: list[dict[str, Any]], encoder: CheckedEncoder, tokens: TokensWriter, ledger: TableWriter, sums: _Sums
) -> None:
    kept = [row for row in rows if row["text"].strip()]
    ids = [np.array(own, np.uint32) for own in encoder.encode([row["text"] for row in kept])]
    names, sides = [row["document_id"] for row in kept], [side_of(row["source"], row["url"]) for row in kept]
    tokens.write(names, sides, ids)
    num_tokens = dict(zip(names, map(len, ids), strict=True))
    num_bytes = [len(row["text"].encode()) for row in rows]
    ledger.write(_decisions(rows, num_tokens, num_bytes))
    sums.num_rows += len(rows)
    sums.counts += np.bincount(np.concatenate([np.empty(0, np.uint32), *ids]), minlength=len(sums.counts))
    for row, size in zip(rows, num_bytes, strict=True):
        if row["document_id"] in num_tokens:
            language = row["language"] or UNKNOWN
            sums.documents[language] += 1
            sums.num_tokens[language] += num_tokens[row["document_id"]]
            sums.num_bytes[language] += size


def _decisions(rows: list[dict[str, Any]], num_tokens: dict[str, int], num_bytes: list[int]) -> pa.Table:
    """One row of the ledger for each document; `num_tokens` of those that are kept."""
    names = [row["document_id"] for row in rows]
    failed = [{"rule": f"{EMPTY}.v1", "value": 0.0, "limit": 1.0}]
    columns = {
        "document_id": names,
        "is_kept": [name in num_tokens for name in names],
        "reason": [None if name in num_tokens else EMPTY for name in names],
        "failed": [[] if name in num_tokens else failed for name in names],
        "num_tokens": [num_tokens.get(name) for name in names],
        "num_bytes": num_bytes,
    }
    return pa.table(columns, TOKENS_LEDGER_SCHEMA)


def _facts(sums: _Sums, encoder: str) -> dict[str, Any]:
    """Sums, and bytes and tokens by language: by these a pin is judged that was made for other text."""
    facts: dict[str, Any] = {
        "encoder": encoder,
        "vocab_size": len(sums.counts),
        "num_documents": sums.documents.total(),
        "num_bytes": sums.num_bytes.total(),
        "num_tokens": sums.num_tokens.total(),
    }
    for language in sorted(sums.documents):
        facts[f"{BYTES_OF}{language}"] = sums.num_bytes[language]
        facts[f"{TOKENS_OF}{language}"] = sums.num_tokens[language]
    return facts
