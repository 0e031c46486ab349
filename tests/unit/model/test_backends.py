"""Backends: scoring, stepping with a cache, greedy generation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.backends import generate, load, torch_threads
from tests.tiny_model import CONTEXT_TOKENS, write_model


class Counter:
    """Finds the successor of the last token most likely, and checks what it is given."""

    context_tokens = 32
    num_bytes = 0

    def logits(self, ids_BT: Any) -> Any:
        raise AssertionError("generation takes steps and asks for no whole rows")

    def step(self, ids_BT: Any, past: Any) -> tuple[Any, Any]:
        assert past is None or ids_BT.shape == (1, 1)
        return np.eye(10, dtype=np.float32)[(ids_BT + 1) % 10], (past or 0) + ids_BT.shape[1]


def test_generation_goes_on_from_its_own_tokens() -> None:
    assert generate(Counter(), np.array([3, 5]), 4).tolist() == [6, 7, 8, 9]


def test_steps_with_a_cache_give_the_logits_of_the_whole_row(tmp_path: Path) -> None:
    backend = load(write_model(tmp_path), "torch", threads=1)
    ids = np.arange(2, 14, dtype=np.int64)[None, :]
    first, past = backend.step(ids[:, :5], None)
    second, _ = backend.step(ids[:, 5:], past)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), backend.logits(ids), atol=1e-5)


def test_a_torch_model_knows_its_context_and_its_size(tmp_path: Path) -> None:
    backend = load(write_model(tmp_path), "torch", threads=1)
    assert backend.context_tokens == CONTEXT_TOKENS
    assert backend.num_bytes == (tmp_path / "model.safetensors").stat().st_size


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json is missing"):
        load(tmp_path, "torch", threads=1)


def test_a_folder_without_its_graph_is_no_model_for_onnx(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no onnx model \(model\.onnx is missing\)"):
        load(write_model(tmp_path), "onnx", threads=1)


def test_a_backend_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no backend 'abacus' among torch, onnx"):
        load(write_model(tmp_path), "abacus", threads=1)


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
