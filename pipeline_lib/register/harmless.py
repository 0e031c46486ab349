"""What may be in a model's folder: weights, graphs and text that are what their names say, and nothing that runs code.

    .safetensors           readable to its last byte, every weight a finite number
    .onnx                  a graph, with all of its tensors inside, every number in them finite
    .json                  JSON; no key that has transformers load code from the folder, however deep, and no index of
                           weights that names another file than safetensors of its folder
    other text             UTF-8 without NUL
    MLmodel                besides: only entries that our own models have (harmless_mlmodel.py)
    requirements.txt, ...  besides: releases by name and version (harmless_environment.py)

It is an allow-list: lists of what is forbidden (pickle scanners) are incomplete and fail open. A file must be what it
is called, so nothing packed, compressed or pickled passes under another name; one that is two things at once (weights
whose last bytes are a zip, text that is a pickle of protocol 0) is refused for the second.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline_lib.register.harmless_environment import ENVIRONMENTS
from pipeline_lib.register.harmless_graph import read_graph
from pipeline_lib.register.harmless_json import read_json
from pipeline_lib.register.harmless_mlmodel import read_mlmodel
from pipeline_lib.register.harmless_weights import read_weights
from pipeline_lib.register.refusal import refused
from pipeline_lib.store.files import CHUNK_BYTES

ALLOWED_SUFFIXES = frozenset({".safetensors", ".onnx", ".json", ".txt", ".md", ".yaml", ".yml", ".jinja"})
# Signatures of a zip, and how far from its end the last of them may begin: a record of 22 bytes, a comment of 65,535.
ZIP_ENTRY, ZIP_DIRECTORY, ZIP_LOCATOR, ZIP_END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x06\x07", b"PK\x05\x06"
ZIP_LOCATOR_BYTES = 20  # before the end, where a zip is larger than its end can say (zip64)
ZIP_TAIL_BYTES = 22 + 65_535 + ZIP_LOCATOR_BYTES


def check_files(folder: Path, *, also: frozenset[str] = frozenset()) -> None:
    """Raise `DataError` for the first file that may not be in a model's folder. `also`: text, by names at its top."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise refused(name, "a model may not hold links: what they lead to is not what is signed", "Copy the file")
        if path.is_dir():
            continue
        if not path.is_file() or (path.suffix not in ALLOWED_SUFFIXES and name not in also):
            raise refused(
                name, "a model may not hold files of this kind", "Only safetensors, ONNX and text are kept; take it out"
            )
        _check(name, path)


def _check(name: str, path: Path) -> None:
    """Raise `DataError` unless a file is what it is called, and nothing else besides."""
    from pipeline_lib.register.pickles import is_pickle

    if _is_zip(path) or is_pickle(path):
        raise refused(name, "this is a pickle or a zip under another name, and runs code when loaded", "Take it out")
    READS.get(path.suffix, _read_text)(name, path)
    if acted_on := ACTED_ON.get(path.name.lower()):
        acted_on(name, path)


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
        raise refused(name, "this is no text", "Take it out") from exc


def _no_config(name: str, path: Path) -> None:
    raise refused(name, "MLflow hands what stands in it to the model, `trust_remote_code` too", "Take it out")


READS: Mapping[str, Callable[[str, Path], None]] = {
    ".json": read_json,
    ".onnx": read_graph,
    ".safetensors": read_weights,
}
# Text that MLflow acts on, by name: on some disks a name is found whatever its letters' case.
ACTED_ON: Mapping[str, Callable[[str, Path], None]] = {
    **ENVIRONMENTS,
    "mlmodel": read_mlmodel,
    "inference_config.txt": _no_config,
}
