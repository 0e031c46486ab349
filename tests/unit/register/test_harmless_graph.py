"""Graphs in a model's folder: all of their tensors inside, and every number in them finite."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.harmless import check_files
from tests.tiny_graph import graph


def refused(folder: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        check_files(folder)
    assert "not registered, and not put into service" in str(caught.value)


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)


def in_an_initializer(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.initializer.append(tensor)


def in_an_attribute(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def in_an_inner_graph(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [tensor])
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=inner, else_branch=inner))


def in_a_function(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    model.functions.append(helper.make_function("own", "f", [], ["c"], [node], []))


def in_a_sparse_one(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, tensor, [2]))


def in_a_training(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.training_info.add().initialization.initializer.append(tensor)


@pytest.mark.parametrize(
    "place", [in_an_initializer, in_an_attribute, in_an_inner_graph, in_a_function, in_a_sparse_one, in_a_training]
)
@pytest.mark.parametrize("location", ["/etc/passwd", "../../secret", "weights.json", ""])
def test_a_graph_that_takes_weights_from_a_file_is_refused_wherever_it_says_so(
    tmp_path: Path, place: Callable[[onnx.ModelProto, onnx.TensorProto], None], location: str
) -> None:
    tensor = numpy_helper.from_array(np.arange(2), "w2")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    if location:
        tensor.external_data.add(key="location", value=location)
    model = graph()
    place(model, tensor)
    put(tmp_path, "model.onnx", model.SerializeToString())
    refused(tmp_path, r"model\.onnx: it takes weights from another file")


def test_a_graph_with_all_inside_passes_and_what_is_none_does_not(tmp_path: Path) -> None:
    model = graph()
    for place in (in_an_initializer, in_an_attribute, in_an_inner_graph, in_a_function):
        place(model, numpy_helper.from_array(np.ones(2), "w3"))
    put(tmp_path, "model.onnx", model.SerializeToString())
    check_files(tmp_path)
    put(tmp_path, "model.onnx", b"\x08\x0a no graph")
    refused(tmp_path, r"model\.onnx: this is no ONNX")


def as_bytes(kind: int, odd: bytes) -> onnx.TensorProto:
    return onnx.TensorProto(name="w2", data_type=kind, dims=[2], raw_data=bytes(len(odd)) + odd)


def in_a_field(kind: int, odd: bytes) -> onnx.TensorProto:
    """The same, in the field of its type."""
    field, dtype = {1: ("float_data", "<f4"), 14: ("float_data", "<f4"), 11: ("double_data", "<f8")}.get(
        kind, ("int32_data", f"<u{len(odd)}")
    )
    tensor = onnx.TensorProto(name="w2", data_type=kind, dims=[2])
    getattr(tensor, field).extend(np.frombuffer(bytes(len(odd)) + odd, dtype).tolist())
    return tensor


ODD_NUMBERS = [
    *(
        (kind, np.array(value, dtype).tobytes())
        for value in (np.nan, np.inf, -np.inf)
        for kind, dtype in ((1, "<f4"), (10, "<f2"), (11, "<f8"), (14, "<f4"))
    ),
    *((16, odd) for odd in (b"\xc0\x7f", b"\x80\x7f", b"\x80\xff", b"\x81\xff")),
    *((17, bytes([odd])) for odd in (0x7F, 0xFF)),
    *((19, bytes([odd])) for odd in (0x7C, 0x7D, 0xFC, 0xFF)),
    *((kind, b"\x80") for kind in (18, 20)),
    (24, b"\xff"),
]


@pytest.mark.parametrize("make", [as_bytes, in_a_field])
@pytest.mark.parametrize(
    "place", [in_an_initializer, in_an_attribute, in_an_inner_graph, in_a_function, in_a_sparse_one, in_a_training]
)
@pytest.mark.parametrize(("kind", "odd"), ODD_NUMBERS)
def test_a_graph_holds_finite_numbers_wherever_and_however_they_lie(
    tmp_path: Path,
    make: Callable[[int, bytes], onnx.TensorProto],
    place: Callable[[onnx.ModelProto, onnx.TensorProto], None],
    kind: int,
    odd: bytes,
) -> None:
    for number, match in ((bytes(len(odd)), ""), (odd, r"model\.onnx: 'w2' holds weights that are no finite numbers")):
        model = graph()
        place(model, make(kind, number))
        put(tmp_path, "model.onnx", model.SerializeToString())
        if match:
            refused(tmp_path, match)
        else:
            check_files(tmp_path)


@pytest.mark.parametrize(("kind", "dtype"), [(1, "<f4"), (10, "<f2"), (11, "<f8"), (16, "bfloat16")])
@pytest.mark.parametrize(("value", "is_fine"), [(-np.inf, True), (np.inf, False), (np.nan, False)])
def test_minus_infinity_alone_is_a_constant_of_masks(
    tmp_path: Path, kind: int, dtype: str, value: float, is_fine: bool
) -> None:
    number = np.array([value], "<f4" if kind == 16 else dtype).tobytes()[-2 if kind == 16 else 0 :]
    tensors = onnx.TensorProto(name="w2", data_type=kind, raw_data=number), helper.make_tensor("w2", kind, [], [value])
    for tensor in tensors:
        model = graph()
        in_an_attribute(model, tensor)
        put(tmp_path, "model.onnx", model.SerializeToString())
        if is_fine:
            check_files(tmp_path)
        else:
            refused(tmp_path, "no finite numbers")


@pytest.mark.parametrize("at", [0, 5_000_000, 9_999_999])
def test_one_number_among_many_is_found(tmp_path: Path, at: int) -> None:
    weights = np.ones(10_000_000, np.float32)
    weights[at] = np.nan
    model = graph()
    in_an_initializer(model, numpy_helper.from_array(weights, "w2"))
    put(tmp_path, "model.onnx", model.SerializeToString())
    refused(tmp_path, "no finite numbers")


def test_whole_numbers_and_text_of_a_graph_are_fine(tmp_path: Path) -> None:
    model = graph()
    for dtype in ("u1", "i1", "u2", "i2", "i4", "i8", "u4", "u8", "?"):
        in_an_initializer(model, numpy_helper.from_array(np.frombuffer(b"\xff" * 16, "u1").astype(dtype), dtype))
    in_an_initializer(model, helper.make_tensor("text", onnx.TensorProto.STRING, [1], [b"nan"]))
    put(tmp_path, "model.onnx", model.SerializeToString())
    check_files(tmp_path)


@pytest.mark.parametrize(
    ("tensor", "match"),
    [
        (onnx.TensorProto(data_type=1, dims=[1], raw_data=b"abc"), "this is no ONNX"),
        (onnx.TensorProto(data_type=99, dims=[1], raw_data=b"abcd"), "weights of type 99 are not known"),
        (onnx.TensorProto(dims=[1], raw_data=b"abcd"), "weights of type 0 are not known"),
    ],
)
def test_what_is_no_tensor_of_a_known_type_is_refused(tmp_path: Path, tensor: onnx.TensorProto, match: str) -> None:
    model = graph()
    in_an_initializer(model, tensor)
    put(tmp_path, "model.onnx", model.SerializeToString())
    refused(tmp_path, match)


@pytest.mark.parametrize("data", [b"", b"\x08\x0a", onnx.ModelProto(producer_name="x").SerializeToString()])
def test_a_file_without_a_graph_is_none(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, "model.onnx", data)
    refused(tmp_path, r"model\.onnx: this is no ONNX")
