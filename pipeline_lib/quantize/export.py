"""From a transformers model to an ONNX graph with a key-value cache: where the schemes for ONNX Runtime begin.

`torch.onnx.export(dynamo=True)` behind a thin module: optimum-onnx does not install beside transformers 5. Batch,
tokens and past are free in the graph; a past of length 0 makes it a plain forward pass (measured: 5e-7 from torch).

The file is the same for the same weights: torch's exporter writes stack traces with the machine's paths into every
node (640 KB of a 4 MB file), which `cleaned` takes out.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from transformers import DynamicCache

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.backends import open_graph
from pipeline_lib.quantize.parity import Parity, compare
from pipeline_lib.quantize.scheme import Job

MAX_FILE_BYTES = 2_000_000_000  # a protobuf file ends at 2 GiB


class _WithCache(torch.nn.Module):
    """A causal model as a function of tensors: (ids, [key, value, ...]) -> (logits, key, value, ...)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, past: list[Any]) -> tuple[Any, ...]:
        cache = DynamicCache(ddp_cache_data=list(zip(past[::2], past[1::2], strict=True)))
        logits = self.model(input_ids=input_ids, past_key_values=cache, use_cache=True).logits
        return (logits, *(tensor for layer in cache.layers for tensor in (layer.keys, layer.values)))


def export_onnx(model: Any, path: Path) -> None:
    """Write the model's graph to `path`. Raises `DataError` when it is too large for one file."""
    config = model.config
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if 4 * sum(parameter.numel() for parameter in model.parameters()) > MAX_FILE_BYTES:
        raise DataError(
            f"{path}: the model is larger than the 2 GB that one ONNX file can hold. Take it out of quantize.schemes."
        )
    names = [f"{layer}.{part}" for layer in range(config.num_hidden_layers) for part in ("key", "value")]
    free = torch.export.Dim.DYNAMIC
    with _quiet():
        program: Any = torch.onnx.export(
            _WithCache(model).eval(),
            # Example sizes above 1: torch.export takes a size of 0 or 1 for a constant.
            (
                torch.zeros((2, 8), dtype=torch.long),
                [torch.zeros(2, config.num_key_value_heads, 4, head) for _ in names],
            ),
            dynamo=True,
            verbose=False,
            dynamic_shapes={"input_ids": {0: free, 1: free}, "past": [{0: free, 2: free} for _ in names]},
            input_names=["input_ids", *(f"past.{name}" for name in names)],
            output_names=["logits", *(f"present.{name}" for name in names)],
        )
    onnx.save(_with_folded_transposes(cleaned(program.model_proto)), path)


def export_checked(job: Job, path: Path) -> Parity:
    """Write the float32 graph of the model to `path`; how far it is from torch.

    Raises `DataError` when that is more than it may be. NaN fails too: it is not smaller than any limit.
    """
    export_onnx(job.reference.model, path)
    exported = open_graph(path, context_tokens=job.reference.context_tokens, threads=job.threads)
    parity = compare(job.reference, exported, job.rows)
    if not parity.max_difference <= job.max_logit_difference:
        raise DataError(
            f"quantize: the exported model differs from torch by {parity.max_difference:.3g} in a logit; "
            f"quantize.max_logit_difference is {job.max_logit_difference:g}. "
            "The model was not quantized. Raise the limit if so much is right, else please report it."
        )
    return parity


def cleaned(model: Any) -> Any:
    """The model without what says where and how it was made, and without inferred shapes.

    The shapes go because quantization changes types under them: with them quantize_dynamic fails on some models
    (ShapeInferenceError).
    """
    cleaned = onnx.ModelProto()
    cleaned.CopyFrom(model)
    graph = cleaned.graph
    del graph.value_info[:]
    for part in (cleaned, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    return cleaned


def _with_folded_transposes(model: Any) -> Any:
    """The model with transposed weights stored as such.

    Tied embeddings come out as Transpose(embedding) in front of the last MatMul, which dynamic quantization does not
    see as a weight: the largest product of a small model would stay in float32, behind a dequantized embedding.
    """
    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in weights]:
        order = next(list(attribute.ints) for attribute in node.attribute if attribute.name == "perm")
        folded = np.ascontiguousarray(numpy_helper.to_array(weights[node.input[0]]).transpose(order))
        graph.initializer.append(numpy_helper.from_array(folded, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for name, weight in weights.items():
        if name not in used:
            graph.initializer.remove(weight)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on torchvision and on its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
