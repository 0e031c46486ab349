"""The files of the makers, their settings, and that their bytes change only with their versions."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup.schemas import DECISIONS_SCHEMA, INDEX_FILE, INDEX_SCHEMA, SKETCH_SCHEMA
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import MAKERS

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


def test_a_sketch_has_one_row_a_document_in_order_good_or_not(nights: MakeNights) -> None:
    row = nights()
    row.decide({"b": "one two", "a": "", "c": "二", "d": "bad"}, unfit=["d"])
    table = pq.read_table(row.sketch("0-0"))
    assert table.schema.equals(SKETCH_SCHEMA)
    assert table["document_id"].to_pylist() == ["b", "a", "c", "d"]
    assert table["has_tokens"].to_pylist() == [True, False, True, True]
    assert {len(keys) for keys in table["keys"].to_pylist()} == {20}
    assert table["simhash"].null_count == 4


def test_a_sketch_has_a_row_group_for_each_piece_of_its_shard(nights: MakeNights) -> None:
    row = nights()
    row.decide({str(number): f"text {number}" for number in range(7)})
    assert pq.read_metadata(row.sketch("0-0")).num_row_groups == 3


def test_the_index_says_where_each_kept_text_is(nights: MakeNights) -> None:
    row = nights()
    row.decide({"bad": "x y", "a": "first text", "b": "first text", "c": "second text"}, {"d": "third"}, unfit=["bad"])
    index = row.rows(row.segments[0])
    assert [(entry["document_id"], entry["shard"], entry["row"]) for entry in index] == [
        ("a", "0-0", 1),
        ("c", "0-0", 3),
        ("d", "0-1", 0),
    ]


def test_the_index_takes_less_than_200_bytes_a_document(nights: MakeNights) -> None:
    shard = {hashlib.md5(str(n).encode()).hexdigest(): f"text {n} {n * n} {n**3}" for n in range(2000)}
    decided = nights().decide(shard)
    assert (decided.folder / INDEX_FILE).stat().st_size / decided.outcome.rows_out < 200


def test_files_have_the_schemas_that_they_are_said_to_have(nights: MakeNights) -> None:
    folder = nights().decide(*SHARDS).folder
    assert pq.read_schema(folder / INDEX_FILE).equals(INDEX_SCHEMA)
    assert pq.read_schema(folder / "part-00000" / "ledger.parquet").equals(DECISIONS_SCHEMA)


def test_the_outcome_counts_the_rows_of_every_file(nights: MakeNights) -> None:
    outcome = nights().decide(*SHARDS, withdrawn=["x", "y"]).outcome
    assert outcome.file_rows == {
        "part-00000/ledger.parquet": 2,
        "part-00001/ledger.parquet": 3,
        "index.parquet": 4,
        "withdrawn.parquet": 2,
    }
    assert outcome.dropped == {"near_duplicate": 1}
    assert outcome.facts == {"num_candidates": 1, "num_verified": 1, "num_against_earlier": 0, "num_unverifiable": 0}


@pytest.mark.parametrize("other", [["b"], ["a", "c"], []])
def test_sketches_of_other_documents_than_those_judged_are_refused(nights: MakeNights, other: list[str]) -> None:
    row = nights()
    row.decide({"a": "one"}, {"b": "two"})
    ledger = pa.table(
        {"document_id": pa.array(other, pa.string()), "is_kept": pa.array([True] * len(other), pa.bool_())}
    )
    cleaned = row._cleaned

    def of_others(shard: Any, name: str, unfit: Any) -> Any:
        ref = cleaned(shard, name, unfit)
        pq.write_table(ledger, row.root / name / "ledger.parquet")
        return ref

    row._cleaned = of_others  # type: ignore[method-assign]
    with pytest.raises(DataError, match="is not of the documents of"):
        row.decide({"a": "one"})


def test_texts_of_other_documents_than_those_sketched_are_refused(nights: MakeNights) -> None:
    row = nights()
    row.decide({"a": SHARDS[0]["a"]})
    path = row.root / "0-0" / "documents.parquet"
    pq.write_table(pq.read_table(path).set_column(0, "document_id", pa.array(["other"])), path)
    with pytest.raises(DataError, match="does not hold the documents that were sketched"):
        row.decide({"c": SHARDS[1]["c"]})


def test_a_file_that_is_no_sketch_is_refused(nights: MakeNights) -> None:
    row = nights()
    row.decide({"a": "one"})
    table = pq.read_table(row.sketch("0-0")).drop_columns(["simhash"])
    made = row._made

    def without_simhash(maker: Any, name: str, *args: Any, **named: Any) -> Any:
        done = made(maker, name, *args, **named)
        if maker.name == "dedup.sketch":
            pq.write_table(table, row.root / name / "sketch.parquet")
        return done

    row._made = without_simhash  # type: ignore[method-assign]
    with pytest.raises(DataError, match="columns are not those of this version"):
        row.decide({"a": "one"})


@pytest.mark.parametrize("method", ["minhash", "simhash"])
def test_what_is_put_out_changes_only_with_the_version(nights: MakeNights, method: str) -> None:
    row = nights(method=method, bands=8, rows=4, shingle_tokens=5, jaccard_at_least=0.7, max_hamming_bits=3, seed=1)
    row.decide(*SHARDS, withdrawn=["gone"])
    row.index(row.segments)
    files = [
        path for path in sorted(row.root.rglob("*.parquet")) if not path.parent.name.startswith(("0-", "ingested"))
    ]
    rows = {path.relative_to(row.root).as_posix(): pq.read_table(path).to_pylist() for path in files}
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True, default=bytes.hex).encode()).hexdigest()
    golden = json.loads(GOLDEN.read_text())
    assert golden["makers"] == [maker.id for maker in MAKERS], "a version was raised: write new digests to golden.json"
    assert golden[method] == digest, "dedup puts out something else for the same input: raise the maker's version"


def test_the_stage_is_light_to_import() -> None:
    heavy = "{'numpy', 'pyarrow', 'numba', 'datasketch'} & set(sys.modules)"
    code = (
        f"import sys, pipeline_lib.dedup.stage, pipeline_lib.dedup.settings; sys.exit(str({heavy}) if {heavy} else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_after_the_warm_up_nothing_more_is_loaded_or_compiled_for_a_night() -> None:
    code = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from pipeline_lib.dedup import kernels, link, marks, stage
from pipeline_lib.dedup.settings import DedupSettings
def signatures():
    found = {name: f for module in (kernels, link, marks) for name, f in vars(module).items()}
    return {name: list(f.signatures) for name, f in found.items() if hasattr(f, "signatures")}
import tests.unit.dedup.conftest as given
stage.warm_up(DedupSettings())
before, compiled = set(sys.modules), signatures()
with TemporaryDirectory() as folder:
    row = given.Nights(Path(folder), DedupSettings())
    words = " ".join(map(str, range(30)))
    row.decide({"a": words, "b": words + " b"})
    assert row.decide({"c": words + " c", "d": "something else"}).outcome.rows_out == 1
assert not set(sys.modules) - before, set(sys.modules) - before
assert compiled["_link_band"] and compiled["_look_up"] and signatures() == compiled, (compiled, signatures())
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_bands_that_cannot_find_the_wanted_pairs_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"would find only 1% of the pairs at jaccard_at_least=0\.3"):
        DedupSettings(jaccard_at_least=0.3)


@pytest.mark.parametrize(
    "wrong", [{"jaccard_at_least": 0}, {"jaccard_at_least": 1.1}, {"bands": 0}, {"method": "md5"}, {"band": 3}]
)
def test_settings_out_of_range_or_unknown_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DedupSettings.model_validate(wrong)
