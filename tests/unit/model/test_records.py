"""Records that one stage writes and others read."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.measured import read_measured, slices_of
from pipeline_lib.model.records import (
    Scores,
    Slice,
    VariantReport,
    finite,
    read_figures,
    read_scores,
    read_variant,
    write_record,
)
from pipeline_lib.store.tables import write_parquet

SCORES = Scores(
    candidate="champion",
    version=3,
    benchmark="frozen",
    generation=1,
    bits_per_byte=2.0,
    slices=(Slice("language", "zh", 2, 90, None),),
)


def test_scores_come_back_as_they_were(tmp_path: Path) -> None:
    write_record(SCORES, tmp_path / "scores.json")
    assert read_scores(tmp_path / "scores.json") == SCORES


def test_a_report_comes_back_with_what_only_its_scheme_tells(tmp_path: Path) -> None:
    report = VariantReport("x.v1", "onnx", 0.9, 100, 400, 0.1, 0.99, 1.0, {"group_size": 32})
    write_record(report, tmp_path / "variant.json")
    assert read_variant(tmp_path / "variant.json") == report
    assert report.all_figures["group_size"] == 32
    assert report.all_figures["num_bytes"] == 100


def test_records_of_other_releases_are_read_as_far_as_they_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"bits_per_byte": 2.0, "from_tomorrow": 1, "slices": [{"by": "source", "new": 1}]}))
    found = read_scores(path)
    assert (found.bits_per_byte, found.bits_per_byte_low, found.candidate) == (2.0, None, "")
    assert found.slices[0].by == "source"


@pytest.mark.parametrize("text", ["", "{", "[]", "5"])
def test_a_file_that_holds_no_record_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(DataError, match=r"scores\.json"):
        read_scores(tmp_path / "scores.json")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_variant(tmp_path / "variant.json")


def test_figures_are_numbers_and_words_and_no_lists(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(json.dumps({"a": 1, "b": 2.5, "c": "x", "d": None, "curve": [1], "e": {}}))
    assert read_figures(tmp_path / "training.json") == {"a": 1, "b": 2.5, "c": "x", "d": None}


def test_finite_keeps_numbers_and_nothing_else() -> None:
    assert [finite(v) for v in (1.5, 2, math.nan, math.inf, None, "3", True)] == [
        1.5,
        2.0,
        None,
        None,
        None,
        None,
        None,
    ]


def test_slices_are_ratios_of_sums_by_source_language_and_length() -> None:
    slices = slices_of(["a", "b", "a"], ["zh", None, "zh"], np.array([10, 30, 20]), np.array([20.0, math.nan, 10.0]))
    assert slices == (
        Slice("source", "a", 2, 30, 1.0),
        Slice("source", "b", 1, 30, None),
        Slice("language", "unknown", 1, 30, None),
        Slice("language", "zh", 2, 30, 1.0),
        Slice("length", "under 1 kB", 3, 60, None),
    )


def test_scores_without_their_documents_cannot_be_read(tmp_path: Path) -> None:
    write_record(SCORES, tmp_path / "scores.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_measured(tmp_path / "scores.json", tmp_path / "per_document.parquet")
    write_parquet(pa.table({"document_id": ["a"]}), tmp_path / "per_document.parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_measured(tmp_path / "scores.json", tmp_path / "per_document.parquet")
