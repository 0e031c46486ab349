"""quantize on a tiny model: a real export, and a real int8 graph."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipeline_lib.model.backends import generate, load
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import run
from pipeline_lib.store.artifact import Outcome
from tests.tiny_model import TEXTS, write_documents, write_model


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quantize")


@pytest.fixture(scope="module")
def outcome(root: Path) -> Outcome:
    write_model(root / "model")
    heldout = write_documents(root / "heldout.parquet")
    (root / "made").mkdir()
    return run(QuantizeSettings(), root / "model", [heldout], root / "made")


def test_the_export_agrees_with_torch_and_int8_nearly_does(outcome: Outcome) -> None:
    assert outcome.rows_in == outcome.rows_out == len(TEXTS)
    assert outcome.facts["fp32_max_difference"] < 1e-5
    assert outcome.facts["fp32_argmax_agreement"] == 1.0
    assert outcome.facts["int8_cosine"] > 0.999


def test_int8_is_small_because_nearly_all_weights_are_int8(outcome: Outcome, root: Path) -> None:
    facts = json.loads((root / "made" / "quantization.json").read_text())
    assert facts == outcome.facts
    # What stays float32: 5 norms of 32 and 8 inverse frequencies, of 30,976 + 10,240 (the head, folded) weights.
    graph = onnx.load(root / "made" / "model.int8.onnx").graph
    large_floats = [
        w
        for w in graph.initializer
        if w.data_type == onnx.TensorProto.FLOAT and len(w.dims) > 1 and np.prod(w.dims) > 400
    ]
    assert large_floats == []
    assert facts["quantized_share"] > 0.99
    assert facts["int8_bytes"] < facts["torch_bytes"]


def test_no_product_with_a_weight_is_left_in_float(outcome: Outcome, root: Path) -> None:
    """2 layers x (q k v o gate up down) and the tied head: 15 integer products."""
    graph = onnx.load(root / "made" / "model.int8.onnx").graph
    assert sum(node.op_type == "MatMulInteger" for node in graph.node) == 15


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_the_files_say_nothing_of_the_machine(outcome: Outcome, root: Path, name: str) -> None:
    data = (root / "made" / name).read_bytes()
    assert not [word for word in (b".py", b"site-packages", b"stack_trace", str(root).encode()) if word in data]


@pytest.mark.parametrize("backend", ["onnx_fp32", "onnx_int8"])
def test_the_cache_of_the_graph_continues_a_row(outcome: Outcome, root: Path, backend: str) -> None:
    onnx_backend = load(root / "made", backend, threads=1)  # type: ignore[arg-type]
    ids = np.arange(2, 14, dtype=np.int64)[None, :]
    _, past = onnx_backend.step(ids[:, :5], None)
    scores, _ = onnx_backend.step(ids[:, 5:], past)
    np.testing.assert_allclose(scores, onnx_backend.logits(ids)[:, 5:], atol=2e-2 if backend == "onnx_int8" else 1e-5)


def test_onnx_generates_what_torch_generates(outcome: Outcome, root: Path) -> None:
    prompt = np.array([0, 40, 50], dtype=np.int64)
    backends = [load(root / "model", "torch", threads=1), load(root / "made", "onnx_fp32", threads=1)]
    one, other = (generate(backend, prompt, 12).tolist() for backend in backends)
    assert one == other


def test_a_batch_of_rows_is_scored_like_its_rows(outcome: Outcome, root: Path) -> None:
    backend = load(root / "made", "onnx_fp32", threads=1)
    ids = np.array([[0, 5, 9], [7, 3, 2]], dtype=np.int64)
    np.testing.assert_allclose(backend.logits(ids)[1:], backend.logits(ids[1:]), atol=1e-5)
