"""Graphs of a model's folder: ONNX that can be read, with all of its tensors inside, every number in them finite.

Tensors stand in initializers, attributes, inner graphs, functions, anywhere; their numbers as bytes (`raw_data`) or in
fields of a type. A file of 0 bytes is a message of protobuf, and no graph. Looking takes 0.14 s for 50 MB.

Minus infinity alone in a tensor is a constant, with which exporters mask attention, and no weight.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline_lib.register.harmless_weights import FORMS, NO_NUMBERS, are_finite
from pipeline_lib.register.refusal import refused, shown

# Of ONNX's `TensorProto.DataType`, by number since older releases do not have all names.
FLOATS = {
    1: "F32",
    10: "F16",
    11: "F64",
    14: "F32",  # pairs of them: complex
    15: "F64",
    16: "BF16",
    17: "F8_E4M3",
    18: "F8_E4M3FNUZ",
    19: "F8_E5M2",
    20: "F8_E5M2FNUZ",
    24: "F8_E8M0",
}
MINUS_INFINITY = {
    "F16": b"\x00\xfc",
    "BF16": b"\x80\xff",
    "F32": b"\x00\x00\x80\xff",
    "F64": b"\x00\x00\x00\x00\x00\x00\xf0\xff",
}
BITS = {"<f2": "<u2", "<u2": "<u2", "u1": "u1"}
OTHERS = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 21, 22, 23, 25, 26})  # whole numbers, text, four bits: all finite


def read_graph(name: str, path: Path) -> None:
    """Raise `DataError` unless it is a graph of ONNX that holds all of its numbers."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model(path, load_external_data=False)
        if not model.ir_version or not model.HasField("graph"):
            raise ValueError
        for part in _parts(model):
            if isinstance(part, onnx.TensorProto):
                _look_at(name, part)
    except (DecodeError, ValueError) as exc:
        raise refused(name, "this is no ONNX", "Write it anew, or take it out") from exc


def _look_at(name: str, tensor: Any) -> None:
    if tensor.external_data or tensor.data_location:
        raise refused(
            name, "it takes weights from another file, which may lie anywhere", "Save it with all weights inside"
        )
    if tensor.data_type not in {*FLOATS, *OTHERS}:
        raise refused(name, f"weights of type {tensor.data_type} are not known", "Save them as FLOAT")
    if not all(are_finite(values, FORMS[kind]) or _is_mask(values, kind) for values, kind in _numbers(tensor)):
        raise refused(name, f"{shown(tensor.name)} {NO_NUMBERS}", "Make it again")


def _is_mask(values: Any, kind: str) -> bool:
    return bool(values.size == 1 and values.tobytes() == MINUS_INFINITY.get(kind))


def _numbers(tensor: Any) -> Iterator[tuple[Any, str]]:
    """The numbers of a tensor that may not be finite, wherever they lie, and their type. Raises `ValueError` for half a
    number."""
    import numpy as np

    for field, kind in (("float_data", "F32"), ("double_data", "F64")):
        yield np.asarray(getattr(tensor, field), FORMS[kind].dtype), kind
    if tensor.data_type in FLOATS:
        kind = FLOATS[tensor.data_type]
        dtype = FORMS[kind].dtype
        yield np.frombuffer(tensor.raw_data, dtype), kind
        if dtype in BITS:  # small types lie there as whole numbers, by their bits
            yield np.asarray(tensor.int32_data, np.int32).astype(BITS[dtype]).view(dtype), kind


def _parts(message: Any) -> Iterator[Any]:
    """A message of protobuf and all messages inside of it."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend(value if hasattr(value, "__len__") else (value,))
