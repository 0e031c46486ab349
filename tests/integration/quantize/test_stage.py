"""quantize on a tiny model: a real export, and a real int8 graph."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from pipeline_lib.model.backends import generate, load, load_torch, open_graph, torch_threads
from pipeline_lib.model.records import read_variant
from pipeline_lib.quantize.export import export_onnx
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import VARIANT
from pipeline_lib.store.artifact import Outcome
from tests.given import given
from tests.tiny_model import CONTEXT_TOKENS, TEXTS, write_documents, write_model

# Without these instructions sums of two products saturate in 16 bits, and int8 answers are rougher.
HAS_VNNI = "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quantize")


@pytest.fixture(scope="module")
def outcome(root: Path) -> Outcome:
    write_model(root / "train" / "model")
    (root / "benchmark").mkdir()
    write_documents(root / "benchmark" / "documents.parquet")
    (root / "made").mkdir()
    params = {"scheme": {"kind": "onnx_int8_dynamic.v1"}}
    inputs = given(model=root / "train", benchmark=root / "benchmark", params=params)
    return VARIANT.make(QuantizeSettings().only(VARIANT.reads), inputs, root / "made")


def test_the_export_agrees_with_torch_and_int8_nearly_does(outcome: Outcome) -> None:
    assert outcome.rows_in == outcome.rows_out == len(TEXTS)
    assert outcome.facts["fp32_max_difference"] < 1e-5
    assert outcome.facts["fp32_argmax_agreement"] == 1.0
    assert outcome.facts["cosine"] > (0.999 if HAS_VNNI else 0.99)


def test_int8_is_small_because_nearly_all_weights_are_int8(outcome: Outcome, root: Path) -> None:
    report = read_variant(root / "made" / "variant.json")
    assert report.all_figures == outcome.facts
    assert (report.scheme, report.backend) == ("onnx_int8_dynamic.v1", "onnx")
    # What stays float32: 5 norms of 32 and 8 inverse frequencies, of 30,976 + 10,240 (the head, folded) weights.
    graph = onnx.load(root / "made" / "model" / "model.onnx").graph
    large_floats = [
        w
        for w in graph.initializer
        if w.data_type == onnx.TensorProto.FLOAT and len(w.dims) > 1 and np.prod(w.dims) > 400
    ]
    assert large_floats == []
    assert report.quantized_share is not None
    assert report.quantized_share > 0.99
    assert report.num_bytes < report.model_bytes


def test_no_product_with_a_weight_is_left_in_float(outcome: Outcome, root: Path) -> None:
    """2 layers x (q k v o gate up down) and the tied head: 15 integer products."""
    graph = onnx.load(root / "made" / "model" / "model.onnx").graph
    assert sum(node.op_type == "MatMulInteger" for node in graph.node) == 15


def test_the_files_say_nothing_of_the_machine(outcome: Outcome, root: Path) -> None:
    data = (root / "made" / "model" / "model.onnx").read_bytes()
    assert not [word for word in (b".py", b"site-packages", b"stack_trace", str(root).encode()) if word in data]


def test_a_variant_is_a_model_folder_by_itself_without_what_it_was_made_by(outcome: Outcome, root: Path) -> None:
    names = sorted(path.name for path in (root / "made" / "model").iterdir())
    assert names == ["config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"]


def test_the_cache_of_the_variant_continues_a_row(outcome: Outcome, root: Path) -> None:
    backend = load(root / "made" / "model", "onnx", threads=1)
    ids = np.arange(2, 14, dtype=np.int64)[None, :]
    _, past = backend.step(ids[:, :5], None)
    scores, _ = backend.step(ids[:, 5:], past)
    np.testing.assert_allclose(scores, backend.logits(ids)[:, 5:], atol=2e-2 if HAS_VNNI else 0.15)


def test_the_exported_graph_generates_what_torch_generates_and_takes_rows_together(root: Path, tmp_path: Path) -> None:
    torch_backend = load_torch(write_model(tmp_path / "model"))
    with torch_threads(1):
        export_onnx(torch_backend.model, tmp_path / "model.onnx")
    exported = open_graph(tmp_path / "model.onnx", context_tokens=CONTEXT_TOKENS, threads=1)
    prompt = np.array([0, 40, 50], dtype=np.int64)
    one, other = (generate(backend, prompt, 12).tolist() for backend in (torch_backend, exported))
    assert one == other
    ids = np.array([[0, 5, 9], [7, 3, 2]], dtype=np.int64)
    np.testing.assert_allclose(exported.logits(ids)[1:], exported.logits(ids[1:]), atol=1e-5)
    long = np.arange(2, 14, dtype=np.int64)[None, :]
    _, past = exported.step(long[:, :5], None)
    np.testing.assert_allclose(exported.step(long[:, 5:], past)[0], exported.logits(long)[:, 5:], atol=1e-5)
