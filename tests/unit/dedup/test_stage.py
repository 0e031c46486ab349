"""The files of the stage, its settings, and that its bytes change only with its VERSION."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup import stage
from pipeline_lib.dedup.settings import DedupSettings

if TYPE_CHECKING:
    from tests.unit.dedup.conftest import Nights

MakeNights = Callable[..., "Nights"]
GOLDEN = Path(__file__).with_name("golden.json")

SHARDS = (
    {
        "a": "The quick brown fox jumps over the lazy dog near the old river bank today.",
        "b": "机器学习需要干净的数据。",
    },
    {"c": "the quick brown fox jumps over the lazy dog, near the old river bank today", "d": "", "e": "ab"},
)


def test_a_sketch_has_one_row_a_document_in_order(nights: MakeNights) -> None:
    row = nights()
    row.decide({"b": "one two", "a": "", "c": "二"})
    table = pq.read_table(row.root / "sketched-0-0" / stage.SKETCH_FILE)
    assert table["document_id"].to_pylist() == ["b", "a", "c"]
    assert table["has_tokens"].to_pylist() == [True, False, True]
    assert {len(signature) for signature in table["signature"].to_pylist()} == {20 * 6}
    assert table["simhash"].null_count == 3


def test_the_index_says_where_each_kept_text_is(nights: MakeNights) -> None:
    decided = nights().decide({"a": "first text", "b": "first text", "c": "second text"}, {"d": "third"})
    index = pq.read_table(decided.folder / stage.INDEX_FILE).to_pylist()
    assert [(entry["document_id"], entry["part"], entry["row"]) for entry in index] == [
        ("a", 0, 0),
        ("c", 0, 1),
        ("d", 1, 0),
    ]


def test_the_index_takes_less_than_200_bytes_a_document(nights: MakeNights) -> None:
    shard = {hashlib.md5(str(n).encode()).hexdigest(): f"text {n} {n * n} {n**3}" for n in range(2000)}
    decided = nights().decide(shard)
    assert (decided.folder / stage.INDEX_FILE).stat().st_size / decided.outcome.rows_out < 200


def test_the_outcome_counts_the_rows_of_every_file(nights: MakeNights) -> None:
    outcome = nights().decide(*SHARDS).outcome
    assert outcome.file_rows == {
        "part-00000/documents.parquet": 2,
        "part-00000/ledger.parquet": 2,
        "part-00001/documents.parquet": 2,
        "part-00001/ledger.parquet": 3,
        "index.parquet": 4,
    }
    assert outcome.facts == {"num_candidates": 1, "num_verified": 1, "num_against_earlier": 0}


def test_a_sketch_of_other_documents_is_refused(nights: MakeNights, tmp_path: Path) -> None:
    row = nights()
    row.decide({"a": "one"}, {"b": "two"})
    pair = (row.root / "sketched-0-0" / "documents.parquet", row.root / "sketched-0-1" / stage.SKETCH_FILE)
    with pytest.raises(DataError, match="is not the sketch of"):
        stage.decide(DedupSettings(), [pair], [], tmp_path)


def test_a_file_that_is_no_sketch_is_refused(nights: MakeNights, tmp_path: Path) -> None:
    row = nights()
    row.decide({"a": "one"})
    documents = row.root / "sketched-0-0" / "documents.parquet"
    with pytest.raises(DataError, match="columns are not those of this version"):
        stage.decide(DedupSettings(), [(documents, documents)], [], tmp_path)


@pytest.mark.parametrize("method", ["minhash", "simhash"])
def test_what_is_put_out_changes_only_with_the_version(nights: MakeNights, method: str) -> None:
    row = nights(method=method, bands=8, rows=4, shingle_tokens=5, jaccard_at_least=0.7, max_hamming_bits=3, seed=1)
    row.decide(*SHARDS)
    files = sorted(row.root.rglob("*.parquet"))
    rows = {path.relative_to(row.root).as_posix(): pq.read_table(path).to_pylist() for path in files}
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    golden = json.loads(GOLDEN.read_text())
    assert golden["version"] == stage.VERSION, "VERSION was bumped: write the new version and digests to golden.json"
    assert golden[method] == digest, "dedup puts out something else for the same input: bump VERSION in stage.py"


def test_the_stage_is_light_to_import() -> None:
    heavy = "{'numpy', 'pyarrow', 'numba', 'datasketch'} & set(sys.modules)"
    code = (
        f"import sys, pipeline_lib.dedup.stage, pipeline_lib.dedup.settings; sys.exit(str({heavy}) if {heavy} else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bands_that_cannot_find_the_wanted_pairs_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"would find only 1% of the pairs at jaccard_at_least=0\.3"):
        DedupSettings(jaccard_at_least=0.3)


@pytest.mark.parametrize(
    "wrong", [{"jaccard_at_least": 0}, {"jaccard_at_least": 1.1}, {"bands": 0}, {"method": "md5"}, {"band": 3}]
)
def test_settings_out_of_range_or_unknown_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DedupSettings.model_validate(wrong)
