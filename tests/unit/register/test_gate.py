"""The gate, on figures one can check by hand: 40 documents of 100 bytes."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.gate import Check, GateReport, Measured, Training, judge, read_measured
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.store.tables import write_parquet

SETTINGS = GateSettings()
NUM_DOCUMENTS = 40
TRAINED = Training(start_bits_per_byte=8.0, end_bits_per_byte=3.9)


def measured(bits_per_byte: float, **changes: Any) -> Measured:
    """A model that needs the same bits for every byte of every document."""
    ids = tuple(f"{i:032x}" for i in range(NUM_DOCUMENTS))
    num_bytes = np.full(NUM_DOCUMENTS, 100, dtype=np.int64)
    return replace(
        Measured({"unigram_bits_per_byte": 4.0}, ids, num_bytes, bits_per_byte * num_bytes.astype(float)), **changes
    )


def verdict(challenger: Measured, champion: Measured | None, **changes: Any) -> GateReport:
    arguments: dict[str, Any] = {"quantized": challenger, "training": TRAINED, **changes}
    return judge(SETTINGS, challenger=challenger, champion=champion, **arguments)


def failed(report: GateReport) -> list[str]:
    assert report.is_passed == (not [check for check in report.checks if not check.is_passed])
    return [check.name for check in report.checks if not check.is_passed]


def test_a_better_challenger_passes_all_checks() -> None:
    report = verdict(measured(2.0), measured(2.5))
    assert failed(report) == []
    assert report.reason == "accepted: 20.00% fewer bits per byte than the champion on the same documents"


def test_an_equal_challenger_does_not_take_the_place() -> None:
    assert failed(verdict(measured(2.0), measured(2.0))) == ["better_than_champion"]


def test_a_worse_challenger_fails_in_the_mean_and_at_the_worst_end() -> None:
    assert failed(verdict(measured(2.6), measured(2.5))) == ["better_than_champion", "not_worse_at_the_worst_end"]


def test_a_gain_that_hangs_on_one_document_is_not_enough() -> None:
    """39 documents 2 % worse, one far better: the mean improves, the interval does not."""
    bits = np.full(NUM_DOCUMENTS, 204.0)
    bits[0] = 0.0
    report = verdict(measured(2.0, bits=bits), measured(2.0))
    assert failed(report) == ["not_worse_at_the_worst_end"]


def test_an_improvement_below_the_asked_one_is_refused() -> None:
    settings = GateSettings(min_improvement_share=0.02)
    arguments: dict[str, Any] = {"champion": measured(2.0), "quantized": measured(1.97), "training": TRAINED}
    assert failed(judge(settings, challenger=measured(1.97), **arguments)) == ["better_than_champion"]
    assert failed(judge(settings, challenger=measured(1.95), **{**arguments, "quantized": measured(1.95)})) == []


def test_the_first_model_must_beat_a_unigram_model_and_its_own_start() -> None:
    assert failed(verdict(measured(3.9), None)) == []
    assert failed(verdict(measured(4.1), None)) == ["beats_unigram"]
    assert failed(verdict(measured(3.9), None, training=Training(3.9, 3.9))) == ["beats_start"]
    assert failed(verdict(measured(3.9), None, training=Training(None, 3.9))) == ["beats_start"]


def test_the_int8_variant_may_lose_one_per_cent_of_its_model() -> None:
    assert failed(verdict(measured(2.0), None, quantized=measured(2.019))) == []
    assert failed(verdict(measured(2.0), None, quantized=measured(2.021))) == ["int8_loss"]


def test_a_missing_int8_variant_fails_only_where_it_is_required() -> None:
    assert failed(verdict(measured(2.0), None, quantized=None)) == ["int8_is_measured"]
    settings = GateSettings(is_int8_required=False)
    report = judge(settings, challenger=measured(2.0), champion=None, quantized=None, training=TRAINED)
    assert failed(report) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", ["challenger", "champion", "quantized"])
def test_one_document_without_a_finite_score_refuses(bad: float, side: str) -> None:
    bits = np.full(NUM_DOCUMENTS, 150.0)
    bits[7] = bad
    models = {"challenger": measured(1.5), "champion": measured(2.0), "quantized": measured(1.5)}
    models[side] = measured(1.5, bits=bits)
    report = verdict(models["challenger"], models["champion"], quantized=models["quantized"])
    assert not report.is_passed
    assert ("enough_documents" in failed(report)) == (side == "challenger")
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize("scores", [{}, {"unigram_bits_per_byte": None}, {"unigram_bits_per_byte": math.nan}])
def test_a_missing_base_line_refuses(scores: dict[str, Any]) -> None:
    assert failed(verdict(measured(2.0, scores=scores), measured(2.5))) == ["beats_unigram"]


def test_scores_on_other_documents_do_not_compare() -> None:
    others = tuple(f"{i + 1:032x}" for i in range(NUM_DOCUMENTS))
    report = verdict(measured(2.0), measured(2.5, document_ids=others))
    assert failed(report) == ["same_documents_as_champion", "better_than_champion", "not_worse_at_the_worst_end"]
    assert next(c.value for c in report.checks if c.name == "same_documents_as_champion") == 2.0


def test_the_same_documents_cut_elsewhere_do_not_compare() -> None:
    shorter = np.full(NUM_DOCUMENTS, 99, dtype=np.int64)
    assert "same_documents_as_champion" in failed(verdict(measured(2.0), measured(2.5, num_bytes=shorter)))


def test_too_few_documents_refuse() -> None:
    few = {"document_ids": ("a",), "num_bytes": np.array([100])}
    challenger, champion = (measured(0, **few, bits=np.array([bits])) for bits in (200.0, 250.0))
    assert failed(verdict(challenger, champion)) == ["enough_documents"]


def test_no_scores_at_all_refuse() -> None:
    none = {"document_ids": (), "num_bytes": np.array([], np.int64), "bits": np.array([]), "scores": {}}
    report = verdict(measured(2.0, **none), None)
    assert failed(report) == ["enough_documents", "beats_unigram", "int8_loss"]


def test_a_report_without_checks_is_no_pass() -> None:
    assert not GateReport((), 1.0, None).is_passed


@pytest.mark.parametrize(
    ("value", "relation", "limit", "expected"),
    [(1.0, "<", 1.0, False), (1.0, "<=", 1.0, True), (0.0, "==", 0.0, True), (1.0, ">=", 2.0, False)],
)
def test_a_check_is_its_relation(value: float, relation: Any, limit: float, expected: bool) -> None:
    assert Check("x", value, relation, limit, "").is_passed is expected


def test_the_page_shows_every_check_and_what_failed() -> None:
    page = verdict(measured(2.6), measured(2.5)).to_markdown()
    assert page.startswith("**Gate: refused: better_than_champion (0.1000, must be < ")
    assert page.count("\n| ") == 1 + 7  # head, and a line for each check
    assert page.count("**no**") == 2


def test_the_same_figures_give_the_same_report() -> None:
    noise = np.random.default_rng(0).normal(200, 20, NUM_DOCUMENTS)
    one, two = (verdict(measured(2.0, bits=noise), measured(2.1)).to_json() for _ in range(2))
    assert one == two


def test_scores_are_read_from_an_evaluate_folder(tmp_path: Path) -> None:
    table = pa.table({"document_id": ["a", "b"], "num_bytes": [3, 4], "bits": [1.5, math.nan]})
    write_parquet(table, tmp_path / "per_document.parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_measured(tmp_path)
    (tmp_path / "scores.json").write_text('{"unigram_bits_per_byte": 4.5}')
    found = read_measured(tmp_path)
    assert (found.document_ids, found.num_bytes.tolist(), found.bits[0]) == (("a", "b"), [3, 4], 1.5)
    assert math.isnan(found.bits[1])
