"""Weights of a model's folder: a safetensors file that is whole, every number in it finite.

The types of numbers stand here by the names of safetensors; those of ONNX (harmless_graph.py) are looked up by them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.register.refusal import refused
from pipeline_lib.store.files import CHUNK_BYTES


@dataclass(frozen=True)
class Form:
    """How the numbers of a type lie in memory, and what makes one of them no finite number."""

    dtype: str  # of NumPy
    mask: int = 0  # the bits that tell; 0: NumPy knows the type itself
    odd: int = 0  # what these bits are in a number that is none


FORMS = {
    "F64": Form("<f8"),
    "F32": Form("<f4"),
    "F16": Form("<f2"),
    "C64": Form("<f4"),
    "BF16": Form("<u2", 0x7F80, 0x7F80),
    "F8_E5M2": Form("u1", 0x7C, 0x7C),
    "F8_E4M3": Form("u1", 0x7F, 0x7F),
    "F8_E8M0": Form("u1", 0xFF, 0xFF),
    "F8_E5M2FNUZ": Form("u1", 0xFF, 0x80),
    "F8_E4M3FNUZ": Form("u1", 0xFF, 0x80),
}
WHOLE_NUMBERS = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})
NO_NUMBERS = "holds weights that are no finite numbers (NaN, infinite)"


def read_weights(name: str, path: Path) -> None:
    """Raise `DataError` unless it is a whole safetensors file of finite numbers."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
        begin, tensors = _tensors_of(path)
    except (SafetensorError, OSError, ValueError, KeyError) as exc:
        raise refused(name, "this is no whole safetensors file", "Write it anew, or take it out") from exc
    for tensor, entry in tensors.items():
        first, last = entry["data_offsets"]
        if entry["dtype"] not in {*FORMS, *WHOLE_NUMBERS}:
            raise refused(name, f"weights of type {entry['dtype']} are not known", "Save them as F32 or BF16")
        if entry["dtype"] not in WHOLE_NUMBERS and not _are_numbers(path, entry["dtype"], begin + first, begin + last):
            raise refused(name, f"{tensor} {NO_NUMBERS}", "Train it again")


def are_finite(values: Any, form: Form) -> bool:
    """Whether all numbers of an array of NumPy are finite; the array has the type of the form."""
    import numpy as np

    if form.mask:
        return bool(((values & form.mask) != form.odd).all())
    return bool(np.isfinite(values).all())


def _tensors_of(path: Path) -> tuple[int, Mapping[str, Any]]:
    """Where the weights begin, and of each tensor its type and where it lies (the format's own header)."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    return 8 + size, {name: entry for name, entry in header.items() if name != "__metadata__"}


def _are_numbers(path: Path, kind: str, begin: int, end: int) -> bool:
    import numpy as np

    form = FORMS[kind]
    with path.open("rb") as file:
        file.seek(begin)
        while chunk := file.read(min(CHUNK_BYTES, end - begin)):
            begin += len(chunk)
            if not are_finite(np.frombuffer(chunk, form.dtype), form):
                return False
    return True
