"""Turn documents into rows of token ids for training, and set documents aside for evaluation.

    train_tokenizer: scrubbed documents -> tokenizer.json, tokenizer_config.json, special_tokens_map.json
    run:             scrubbed documents -> train.arrow (tokens.v1), heldout.parquet (documents.v1),
                                           ledger.parquet (+ split, num_tokens, first_row, first_offset)

The side of a document is a hash of its source and URL: it keeps its side when its text changes, so what was held out
yesterday is not trained on today. The tokenizer learns from both sides, since it is pinned and the share is not.
Text is tokenized once, here, and never while training.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.store.artifact import Outcome
from pipeline_lib.tokenize.settings import TokenizeSettings

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.tokenize.rows import Packed

STAGE = "tokenize"
VERSION = 1

TRAIN, HELDOUT = "train", "heldout"
EMPTY = "empty_after_scrub"
SPLIT_COLUMNS = ("source", "url", "text")


def train_tokenizer(settings: TokenizeSettings, documents: Sequence[Path], folder: Path) -> Outcome:
    """Train a byte-level BPE tokenizer on a bounded sample of the documents."""
    from pipeline_lib.tokenize import vocabulary
    from pipeline_lib.tokenize.sample import sample_texts

    texts, num_documents = sample_texts(documents, settings.max_training_bytes)
    tokenizer = vocabulary.train(
        texts,
        vocab_size=settings.vocab_size,
        min_frequency=settings.min_frequency,
        domain_terms=settings.domain_terms,
    )
    vocabulary.save(tokenizer, folder)
    facts = {
        "generation": settings.generation,
        "num_sampled_documents": len(texts),
        "num_sampled_bytes": sum(len(text.encode()) for text in texts),
        "vocab_size": tokenizer.get_vocab_size(),
    }
    return Outcome(num_documents, num_documents, facts=facts)


def run(settings: TokenizeSettings, tokenizer: Path, documents: Path, folder: Path) -> Outcome:
    """Tokenize one shard: rows of the train side, documents of the held-out side."""
    from pipeline_lib.store import schemas, tables
    from pipeline_lib.tokenize import vocabulary
    from pipeline_lib.tokenize.encode import fastest_encoder
    from pipeline_lib.tokenize.rows import pack, write_rows

    table = schemas.read_documents(documents)
    splits = [_split(settings, *row) for row in zip(*(table[name].to_pylist() for name in SPLIT_COLUMNS), strict=True)]
    texts, heldout = _side(table, splits, TRAIN)["text"].to_pylist(), _side(table, splits, HELDOUT)
    bpe = vocabulary.load(tokenizer)
    encoder = fastest_encoder(bpe, texts)
    packed = pack(
        encoder.encode(texts),
        sequence_length=settings.sequence_length,
        end_id=vocabulary.special_id(bpe, vocabulary.END_OF_TEXT),
        pad_id=vocabulary.special_id(bpe, vocabulary.PAD),
    )
    write_rows(packed, bpe.get_vocab_size(), folder / schemas.TOKENS_FILE)
    tables.write_parquet(heldout, folder / schemas.HELDOUT_FILE)
    tables.write_parquet(_ledger(table, splits, packed), folder / schemas.LEDGER_FILE)
    num_empty = splits.count(None)
    return Outcome(
        rows_in=table.num_rows,
        rows_out=len(texts) + heldout.num_rows,
        dropped={EMPTY: num_empty} if num_empty else {},
        file_rows={
            schemas.TOKENS_FILE: packed.num_rows,
            schemas.HELDOUT_FILE: heldout.num_rows,
            schemas.LEDGER_FILE: table.num_rows,
        },
        facts={
            "encoder": encoder.name,
            "num_train_documents": len(texts),
            "num_heldout_documents": heldout.num_rows,
            "num_train_tokens": packed.num_tokens,
            "num_train_rows": packed.num_rows,
            "num_train_bytes": sum(len(text.encode()) for text in texts),
            "num_pad_tokens": packed.num_pad_tokens,
            "vocab_size": bpe.get_vocab_size(),
        },
    )


def _split(settings: TokenizeSettings, source: str, url: str, text: str) -> str | None:
    """The side of a document; None for one without text."""
    import xxhash

    if not text.strip():
        return None
    place = xxhash.xxh3_64_intdigest(f"{source}\0{url}".encode()) / 2**64  # uniform in [0, 1]
    return HELDOUT if place < settings.heldout_share else TRAIN


def _side(table: "pa.Table", splits: Sequence[str | None], side: str) -> "pa.Table":
    import pyarrow as pa

    return table.filter(pa.array([split == side for split in splits], pa.bool_()))


def _ledger(table: "pa.Table", splits: Sequence[str | None], packed: "Packed") -> "pa.Table":
    """One row a document. `num_tokens` counts its <|endoftext|>; place p of the stream is row p // T, offset p % T."""
    import numpy as np
    import pyarrow as pa

    from pipeline_lib.store.schemas import LEDGER_SCHEMA

    failed = [{"rule": f"{EMPTY}.v1", "value": 0.0, "limit": 1.0}]
    is_train = np.array([split == TRAIN for split in splits], bool)
    ends = np.append(packed.starts[1:], packed.num_tokens) if len(packed.starts) else packed.starts
    rows, offsets = np.divmod(packed.starts, packed.sequence_length)
    columns: dict[str, Any] = {
        "document_id": table["document_id"].to_pylist(),
        "is_kept": [split is not None for split in splits],
        "reason": [EMPTY if split is None else None for split in splits],
        "failed": [failed if split is None else [] for split in splits],
        "split": list(splits),
        "num_tokens": _spread(ends - packed.starts, is_train),
        "first_row": _spread(rows, is_train),
        "first_offset": _spread(offsets, is_train),
    }
    places = [pa.field(name, pa.int64()) for name in ("num_tokens", "first_row", "first_offset")]
    return pa.table(columns, schema=pa.schema([*LEDGER_SCHEMA, pa.field("split", pa.string()), *places]))


def _spread(values: Any, is_train: Any) -> list[int | None]:
    """Values of the train documents in the order of all documents, None for the others."""
    remaining = iter(values.tolist())
    return [next(remaining) if is_one else None for is_one in is_train]
