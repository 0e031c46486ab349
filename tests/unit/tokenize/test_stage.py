"""Tokenizing a shard: one row of ids a document, a ledger with each document in it, counts."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tokenizers

from pipeline_lib.store import tables
from pipeline_lib.store.schemas import LEDGER_SCHEMA
from pipeline_lib.store.sides import side_of
from pipeline_lib.store.tokens import open_tokens
from pipeline_lib.tokenize import stage
from pipeline_lib.tokenize.settings import TokenizeSettings
from tests.given import given

GOLDEN = Path(__file__).with_name("golden.json")
DOCUMENTS = {"a": "The night is young.", "b": "夜间流水线训练模型。", "c": "x"}
FILES = ("tokens.arrow", "counts.parquet", "ledger.parquet")


def test_each_document_is_a_row_of_its_ids(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize(DOCUMENTS)
    assert done.ids == [bpe.encode(text).ids for text in DOCUMENTS.values()]
    assert [bpe.decode(ids) for ids in done.ids] == list(DOCUMENTS.values())


def test_rows_say_whose_they_are_and_carry_the_side(tokenize: Any) -> None:
    done = tokenize(DOCUMENTS)
    shard = open_tokens(done.folder / "tokens.arrow")
    assert shard.document_ids.to_pylist() == [row["document_id"] for row in done.ledger]
    assert shard.sides.tolist() == [side_of("s", url) for url in DOCUMENTS]


def test_no_setting_of_the_reading_enters() -> None:
    """The share, and all that training decides about its rows."""
    assert stage.ENCODE.reads == ()
    assert "heldout_share" not in stage.LEARN.reads
    with pytest.raises(AttributeError):
        _ = TokenizeSettings().only(stage.ENCODE.reads).heldout_share


def test_empty_documents_are_dropped_with_a_reason(tokenize: Any) -> None:
    done = tokenize({"a": "", "b": " \n\u3000", "c": "夜"})
    assert done.outcome.dropped == {"empty_after_scrub": 2}
    assert (done.outcome.rows_in, done.outcome.rows_out, len(done.ids)) == (3, 1, 1)
    assert [row["is_kept"] for row in done.ledger] == [False, False, True]
    assert done.ledger[0]["reason"] == "empty_after_scrub" and done.ledger[0]["num_tokens"] is None
    assert done.ledger[0]["failed"] == [{"rule": "empty_after_scrub.v1", "value": 0.0, "limit": 1.0}]


def test_the_ledger_counts_tokens_and_bytes(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize(DOCUMENTS)
    assert list(done.ledger[0]) == [*LEDGER_SCHEMA.names, "num_tokens", "num_bytes"]
    assert [row["num_bytes"] for row in done.ledger] == [len(text.encode()) for text in DOCUMENTS.values()]
    assert [row["num_tokens"] for row in done.ledger] == [len(bpe.encode(text).ids) for text in DOCUMENTS.values()]


def test_the_facts_can_be_counted_by_hand(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize({"a": "夜", "b": "ab", "c": "cd"}, languages={"a": "zh", "b": "en"})
    zh, en, unknown = (len(bpe.encode(text).ids) for text in ("夜", "ab", "cd"))
    assert done.outcome.facts == {
        "encoder": "tiktoken",
        "vocab_size": bpe.get_vocab_size(),
        "num_documents": 3,
        "num_tokens": zh + en + unknown,
        "num_bytes": 7,
        "num_bytes_en": 2,
        "num_tokens_en": en,
        "num_bytes_unknown": 2,
        "num_tokens_unknown": unknown,
        "num_bytes_zh": 3,
        "num_tokens_zh": zh,
    }
    vocab_size = bpe.get_vocab_size()
    assert done.outcome.file_rows == {"tokens.arrow": 3, "ledger.parquet": 3, "counts.parquet": vocab_size}


def test_counts_say_how_often_each_token_comes(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize(DOCUMENTS)
    found = Counter(number for ids in done.ids for number in ids)
    assert done.counts == [found[number] for number in range(bpe.get_vocab_size())]


def test_a_separator_inside_a_text_does_not_end_the_document(tokenize: Any) -> None:
    assert 0 not in tokenize({"a": "x<|endoftext|>y"}).ids[0]


def test_a_shard_in_pieces_gives_the_same_rows_in_as_many_batches(
    tokenize: Any, folder: Path, write: Any, tmp_path: Path
) -> None:
    whole = tokenize(DOCUMENTS)
    table = tables.read_table(write(DOCUMENTS) / "documents.parquet")
    (tmp_path / "pieces").mkdir()
    with tables.TableWriter(tmp_path / "pieces" / "documents.parquet", table.schema) as writer:
        for row in range(table.num_rows):
            writer.write(table.slice(row, 1))
    (tmp_path / "out").mkdir()
    inputs = given(documents=tmp_path / "pieces", tokenizer=folder)
    outcome = stage.ENCODE.make(TokenizeSettings().only(()), inputs, tmp_path / "out")
    assert outcome == whole.outcome
    shard = open_tokens(tmp_path / "out" / "tokens.arrow")
    assert shard.document_ids.num_chunks == 3
    assert [shard.of(row).tolist() for row in range(3)] == whole.ids


def test_an_empty_shard_gives_empty_files(tokenize: Any) -> None:
    done = tokenize({})
    assert done.ids == done.ledger == []
    assert sum(done.counts) == done.outcome.facts["num_tokens"] == 0


def test_the_same_input_gives_the_same_bytes(tokenize: Any) -> None:
    first, second = tokenize(DOCUMENTS), tokenize(DOCUMENTS)
    for name in FILES:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_the_output_is_that_of_this_version(folder: Path, tokenize: Any, shard_texts: dict[str, str]) -> None:
    done = tokenize(shard_texts)
    found = {
        "makers": [stage.LEARN.id, stage.ENCODE.id],
        "tokenizer": hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(),
        "ids": hashlib.sha256(json.dumps(done.ids).encode()).hexdigest(),
        "sides": open_tokens(done.folder / "tokens.arrow").sides.tolist(),
    }
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "tokenize puts out something else than before: raise the version of its maker in tokenize/stage.py "
        "(all shards are then tokenized again), and put the new value into golden.json"
    )
