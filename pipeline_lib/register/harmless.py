"""What may be in a model's folder: weights, graphs and text that are what their names say, and nothing that runs code.

    .safetensors           readable to its last byte, every weight a finite number
    .onnx                  readable, with all of its tensors inside
    .json                  JSON; no key that has transformers load code from the folder, however deep
    other text             UTF-8 without NUL

It is an allow-list: lists of what is forbidden (pickle scanners) are incomplete and fail open. A file must be what it
is called, so nothing packed, compressed or pickled passes under another name; one that is two things at once (weights
whose last bytes are a zip, text that is a pickle of protocol 0) is refused for the second.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.files import CHUNK_BYTES

ALLOWED_SUFFIXES = frozenset({".safetensors", ".onnx", ".json", ".txt", ".md", ".yaml", ".yml", ".jinja"})
LOADS_CODE = frozenset({"auto_map", "custom_pipelines"})  # keys by which transformers takes classes from the folder
# Of safetensors: how the numbers of a type lie in memory, and which of their bits are all set in what is no number.
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<f4"}
ODD_BITS = {
    "BF16": ("<u2", 0x7F80),
    "F8_E5M2": ("u1", 0x7C),
    "F8_E4M3": ("u1", 0x7F),
    "F8_E8M0": ("u1", 0xFF),
}
WHOLE_NUMBERS = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"})
# Signatures of a zip, and how far from its end the last of them may begin: a record of 22 bytes, a comment of 65,535.
ZIP_ENTRY, ZIP_DIRECTORY, ZIP_LOCATOR, ZIP_END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x06\x07", b"PK\x05\x06"
ZIP_LOCATOR_BYTES = 20  # before the end, where a zip is larger than its end can say (zip64)
ZIP_TAIL_BYTES = 22 + 65_535 + ZIP_LOCATOR_BYTES
OUT = "Such a model is not registered, and not put into service."


class _LoadsCode(Exception):
    """A key of a JSON file that does."""


def check_files(folder: Path, *, also: frozenset[str] = frozenset()) -> None:
    """Raise `DataError` for the first file that may not be in a model's folder. `also`: text, by names at its top."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise _refused(name, "a model may not hold links: what they lead to is not what is signed", "Copy the file")
        if path.is_dir():
            continue
        if not path.is_file() or (path.suffix not in ALLOWED_SUFFIXES and name not in also):
            raise _refused(
                name, "a model may not hold files of this kind", "Only safetensors, ONNX and text are kept; take it out"
            )
        _check(name, path)


def _check(name: str, path: Path) -> None:
    """Raise `DataError` unless a file is what it is called, and nothing else besides."""
    from pipeline_lib.register.pickles import is_pickle

    if _is_zip(path) or is_pickle(path):
        raise _refused(name, "this is a pickle or a zip under another name, and runs code when loaded", "Take it out")
    READS.get(path.suffix, _read_text)(name, path)


def _is_zip(path: Path) -> bool:
    """Whether some reader may take it for a zip, as torch and many others do by its last bytes.

    Weights may hold the four bytes of a zip's end by chance, but then no directory where the end says (APPNOTE 4.3.16).
    Readers differ in what else they forgive, so nothing else of the zip is asked: not Python's own reader, either.
    """
    with path.open("rb") as file:
        if file.read(len(ZIP_ENTRY)) in (ZIP_ENTRY, ZIP_END):
            return True
        start = max(0, path.stat().st_size - ZIP_TAIL_BYTES)
        file.seek(start)
        tail = file.read()
        for end in re.finditer(re.escape(ZIP_END), tail):
            if tail[max(0, end.start() - ZIP_LOCATOR_BYTES) : end.start()].startswith(ZIP_LOCATOR):
                return True
            fields = tail[end.start() + 12 : end.start() + 20]
            size, offset = int.from_bytes(fields[:4], "little"), int.from_bytes(fields[4:], "little")
            for place in (offset, start + end.start() - size):  # as it says, and where a file stands before the zip
                file.seek(max(0, place))
                if place >= 0 and file.read(len(ZIP_DIRECTORY)) == ZIP_DIRECTORY:
                    return True
    return False


def _read_json(name: str, path: Path) -> None:
    try:
        json.loads(path.read_bytes(), object_pairs_hook=_without_code)
    except _LoadsCode as exc:
        raise _refused(name, f"{exc} would load code from the folder", "Take the key out") from exc
    except (ValueError, RecursionError) as exc:
        raise _refused(name, "this is no JSON", "Write it anew, or take it out") from exc


def _without_code(pairs: list[tuple[str, Any]]) -> None:
    """Look at the keys of one object, those that stand there twice too; its values were looked at before."""
    if found := LOADS_CODE & {key for key, _ in pairs}:
        raise _LoadsCode(min(found))


def _read_text(name: str, path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                if b"\0" in chunk:
                    raise ValueError
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except ValueError as exc:
        raise _refused(name, "this is no text", "Take it out") from exc


def _read_graph(name: str, path: Path) -> None:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model(path, load_external_data=False)
    except (DecodeError, ValueError) as exc:
        raise _refused(name, "this is no ONNX", "Write it anew, or take it out") from exc
    for part in _parts(model):
        if isinstance(part, onnx.TensorProto) and (part.external_data or part.data_location):
            raise _refused(
                name, "it takes weights from another file, which may lie anywhere", "Save it with all weights inside"
            )


def _parts(message: Any) -> Iterator[Any]:
    """A message of protobuf and all messages inside of it: tensors stand in graphs, attributes, functions, anywhere."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend(value if hasattr(value, "__len__") else (value,))


def _read_weights(name: str, path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
        begin, tensors = _tensors_of(path)
    except (SafetensorError, OSError, ValueError, KeyError) as exc:
        raise _refused(name, "this is no whole safetensors file", "Write it anew, or take it out") from exc
    for tensor, entry in tensors.items():
        first, last = entry["data_offsets"]
        if entry["dtype"] not in {*FLOATS, *ODD_BITS, *WHOLE_NUMBERS}:
            raise _refused(name, f"weights of type {entry['dtype']} are not known", "Save them as F32 or BF16")
        if entry["dtype"] not in WHOLE_NUMBERS and not _are_numbers(path, entry["dtype"], begin + first, begin + last):
            raise _refused(name, f"{tensor} holds weights that are no finite numbers (NaN, infinite)", "Train it again")


def _tensors_of(path: Path) -> tuple[int, Mapping[str, Any]]:
    """Where the weights begin, and of each tensor its type and where it lies (the format's own header)."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    return 8 + size, {name: entry for name, entry in header.items() if name != "__metadata__"}


def _are_numbers(path: Path, kind: str, begin: int, end: int) -> bool:
    import numpy as np

    dtype, bits = ODD_BITS.get(kind) or (FLOATS[kind], 0)
    with path.open("rb") as file:
        file.seek(begin)
        while chunk := file.read(min(CHUNK_BYTES, end - begin)):
            begin += len(chunk)
            values = np.frombuffer(chunk, dtype)
            if not (((values & bits) != bits) if bits else np.isfinite(values)).all():
                return False
    return True


def _refused(name: str, why: str, advice: str) -> DataError:
    return DataError(f"{name}: {why}. {OUT} {advice}.")


READS: Mapping[str, Callable[[str, Path], None]] = {
    ".json": _read_json,
    ".onnx": _read_graph,
    ".safetensors": _read_weights,
}
