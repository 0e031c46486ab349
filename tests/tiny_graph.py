"""A graph of one weight, as ONNX: for what looks at graphs and does not run them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper


def graph(name: str = "tiny") -> onnx.ModelProto:
    """y = x + w."""
    weight = numpy_helper.from_array(np.ones(2, np.float32), "w")
    x, y = (helper.make_tensor_value_info(of, onnx.TensorProto.FLOAT, [2]) for of in "xy")
    return helper.make_model(helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], name, [x], [y], [weight]))


def write_graph(path: Path, name: str = "tiny") -> None:
    """Write it down."""
    path.write_bytes(graph(name).SerializeToString())
