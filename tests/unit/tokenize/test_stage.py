"""A shard, tokenized: sides, rows, ledger, facts."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import tokenizers

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.tokenize import stage
from pipeline_lib.tokenize.settings import TokenizeSettings

GOLDEN = Path(__file__).with_name("golden.json")
DOCUMENTS = {"a": "The night is young.", "b": "夜间流水线训练模型。", "c": "x"}


def test_the_rows_hold_all_texts_one_behind_the_other(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize(DOCUMENTS)
    texts = bpe.decode(done.stream, skip_special_tokens=False).split("<|endoftext|>")
    assert texts[:3] == list(DOCUMENTS.values())
    assert set(texts[3].replace("<|pad|>", "")) == set()


def test_the_ledger_leads_to_the_first_token_of_each_document(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize(DOCUMENTS, sequence_length=3)
    for row, text in zip(done.ledger, DOCUMENTS.values(), strict=True):
        assert row["split"] == "train"
        assert row["num_tokens"] == len(bpe.encode(text).ids) + 1
        assert done.rows.rows[row["first_row"]][row["first_offset"]] == bpe.encode(text).ids[0]


def test_the_side_is_a_hash_of_source_and_url_not_of_the_text(tokenize: Any) -> None:
    first = tokenize({str(n): f"night {n}" for n in range(400)}, heldout_share=0.25)
    second = tokenize({str(n): f"夜 {n * 7}" for n in range(400)}, heldout_share=0.25)
    assert [row["split"] for row in first.ledger] == [row["split"] for row in second.ledger]
    assert 70 <= first.outcome.facts["num_heldout_documents"] <= 130


def test_a_larger_share_keeps_what_was_held_out(tokenize: Any) -> None:
    texts = {str(n): "night" for n in range(200)}
    small = {row["url"] for row in tokenize(texts, heldout_share=0.1).heldout}
    assert small and small < {row["url"] for row in tokenize(texts, heldout_share=0.3).heldout}


def test_held_out_documents_are_whole_documents_and_no_rows(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize({str(n): f"secret{n} text" for n in range(100)}, heldout_share=0.5)
    assert pq.read_table(done.folder / "heldout.parquet").schema.equals(DOCUMENTS_SCHEMA)
    heldout = {row["text"] for row in done.heldout}
    assert len(heldout) == done.outcome.facts["num_heldout_documents"] > 0
    trained = set(bpe.decode(done.stream, skip_special_tokens=False).split("<|endoftext|>"))
    assert not heldout & trained
    nulls = [row for row in done.ledger if row["split"] == "heldout"]
    assert all(row["first_row"] is row["first_offset"] is row["num_tokens"] is None for row in nulls)


def test_empty_documents_are_dropped_with_a_reason(tokenize: Any) -> None:
    done = tokenize({"a": "", "b": " \n\u3000", "c": "夜"})
    assert done.outcome.dropped == {"empty_after_scrub": 2}
    assert (done.outcome.rows_in, done.outcome.rows_out) == (3, 1)
    assert [row["is_kept"] for row in done.ledger] == [False, False, True]
    assert done.ledger[0]["reason"] == "empty_after_scrub" and done.ledger[0]["split"] is None
    assert done.ledger[0]["failed"] == [{"rule": "empty_after_scrub.v1", "value": 0.0, "limit": 1.0}]


def test_the_facts_can_be_counted_by_hand(tokenize: Any, bpe: tokenizers.Tokenizer) -> None:
    done = tokenize({"a": "夜", "b": "ab"}, sequence_length=4)
    num_tokens = len(bpe.encode("夜").ids) + len(bpe.encode("ab").ids) + 2
    num_rows = -(-(num_tokens - 1) // 4)
    assert done.outcome.facts == {
        "encoder": "tiktoken",
        "num_train_documents": 2,
        "num_heldout_documents": 0,
        "num_train_tokens": num_tokens,
        "num_train_rows": num_rows,
        "num_train_bytes": 5,
        "num_pad_tokens": num_rows * 4 + 1 - num_tokens,
        "vocab_size": bpe.get_vocab_size(),
    }
    assert done.outcome.file_rows == {"train.arrow": num_rows, "heldout.parquet": 0, "ledger.parquet": 2}


def test_a_separator_inside_a_text_does_not_end_the_document(tokenize: Any) -> None:
    assert tokenize({"a": "x<|endoftext|>y"}).stream.count(0) == 1


def test_an_empty_shard_gives_empty_files(tokenize: Any) -> None:
    done = tokenize({})
    assert done.rows.num_rows == 0 and done.rows.row_tokens == 9
    assert done.ledger == done.heldout == []
    assert done.outcome.facts["num_train_rows"] == 0


def test_a_shard_of_held_out_documents_alone_gives_no_rows(tokenize: Any) -> None:
    done = tokenize(DOCUMENTS, heldout_share=1 - 1e-9)
    assert done.rows.num_rows == 0 and len(done.heldout) == 3


def test_the_same_input_gives_the_same_bytes(tokenize: Any) -> None:
    first, second = tokenize(DOCUMENTS), tokenize(DOCUMENTS)
    for name in ("train.arrow", "heldout.parquet", "ledger.parquet"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_a_file_of_another_schema_is_refused(folder: Path, tmp_path: Path) -> None:
    import pyarrow as pa

    write_parquet(pa.table({"text": ["夜"]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="is not documents"):
        stage.run(TokenizeSettings(), folder, tmp_path / "other.parquet", tmp_path)


def test_the_output_is_that_of_this_version(folder: Path, tokenize: Any, shard_texts: dict[str, str]) -> None:
    done = tokenize(shard_texts, heldout_share=0.3)
    found = {
        "version": stage.VERSION,
        "tokenizer": hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(),
        "splits": [row["split"] for row in done.ledger],
        "first_row": done.rows.rows[0].tolist(),
        "stream": hashlib.sha256(" ".join(map(str, done.stream)).encode()).hexdigest(),
    }
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "tokenize puts out something else than before: bump VERSION in pipeline_lib/tokenize/stage.py (all shards are "
        "then tokenized again), and put the new value into golden.json"
    )
