"""Parity of two backends."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.scoring import open_tokenizer
from pipeline_lib.quantize import export
from pipeline_lib.quantize.export import export_checked
from pipeline_lib.quantize.parity import compare, parity_rows
from pipeline_lib.quantize.scheme import Job
from tests.tiny_model import write_documents, write_model


class Fixed:
    """Answers every row with the same logits."""

    context_tokens = 8
    num_bytes = 0

    def __init__(self, *logits: list[float]) -> None:
        self.values = np.array([logits], dtype=np.float32)

    def logits(self, ids_BT: Any) -> Any:
        return self.values

    def step(self, ids_BT: Any, past: Any) -> tuple[Any, Any]:
        raise AssertionError("parity compares whole rows and takes no steps")


ROW = np.array([[0, 1]], dtype=np.int64)


def test_parity_is_difference_cosine_and_agreement() -> None:
    parity = compare(Fixed([3.0, 0.0], [0.0, 4.0]), Fixed([3.0, 0.0], [4.0, 0.0]), [ROW])
    assert parity.max_difference == 4.0
    assert parity.cosine == pytest.approx(9 / 25)  # (3x3 + 0) / (5 x 5)
    assert parity.argmax_agreement == 0.5


@pytest.mark.parametrize("rows", [[ROW], [ROW, ROW]])
def test_nan_is_not_hidden_by_finite_rows(rows: list[Any]) -> None:
    assert math.isnan(compare(Fixed([1.0, 2.0]), Fixed([1.0, math.nan]), rows).max_difference)


def checked(difference: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """An export that differs from torch by so much; its parity."""
    monkeypatch.setattr(export, "export_onnx", lambda model, path: None)
    monkeypatch.setattr(export, "open_graph", lambda path, **_: Fixed([1.0, 2.0 + difference]))
    reference: Any = Fixed([1.0, 2.0])
    reference.model = None
    return export_checked(Job(Path(), reference, [ROW], 1e-3, 1), Path()).max_difference


@pytest.mark.parametrize("difference", [0.0011, math.nan, math.inf])
def test_an_export_that_differs_is_refused(difference: float, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="differs from torch"):
        checked(difference, monkeypatch)


def test_an_export_within_the_limit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(0.0009, monkeypatch) == pytest.approx(0.0009, rel=1e-3)


def test_rows_start_with_the_end_token_and_are_bounded(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(write_model(tmp_path))
    heldout = write_documents(tmp_path / "heldout.parquet", ("x" * 50, "", "好"))
    rows = parity_rows(heldout, tokenizer, num_documents=2, num_tokens=8)
    assert [row.shape for row in rows] == [(1, 8), (1, 1 + len(tokenizer.encode("好").ids))]
    assert all(row[0, 0] == tokenizer.token_to_id("<|endoftext|>") for row in rows)


def test_without_text_the_check_walks_through_the_vocabulary(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(write_model(tmp_path))
    [row] = parity_rows(write_documents(tmp_path / "h.parquet", ("",)), tokenizer, num_documents=1, num_tokens=8)
    assert row.shape == (1, 8)
    assert row[0, 0] == tokenizer.token_to_id("<|endoftext|>")
    assert (row.min(), row.max()) == (0, tokenizer.get_vocab_size() - 1)
    assert len(set(row[0].tolist())) >= 7
