"""What may be in a model's folder, by kind: pickles and archives, code by name, weights, links."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.harmless import check_files
from pipeline_lib.register.pickles import is_pickle

NAMES = (
    "model.safetensors",
    "README.md",
    "vocab.txt",
    "config.json",
    "model.onnx",
    "template.jinja",
    "a.yaml",
    "MLmodel",
)


class Evil:
    """What a pickle may hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def refused(folder: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        check_files(folder, also=frozenset({"MLmodel"}))
    assert "not registered, and not put into service" in str(caught.value)


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def zipped(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, data)
    return held.getvalue()


def tarred(data: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("data.pkl"), io.BytesIO(data))
    return held.getvalue()


def as_npy(value: Any) -> bytes:
    held = io.BytesIO()
    np.save(held, np.array([value], dtype=object), allow_pickle=True)
    return held.getvalue()


def as_npz(value: Any) -> bytes:
    held = io.BytesIO()
    np.savez(held, a=np.array([value], dtype=object))
    return held.getvalue()


EVIL = pickle.dumps(Evil())
PICKLES = {
    **{f"protocol {protocol}": pickle.dumps(Evil(), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
    "broken off after it ran": pickle.dumps(Evil(), 0)[:-1] + b"\xff",
    "text that calls": b"(S'true'\nios\nsystem\n.",
    "text that calls, another way": b"cos\nsystem\n(S'true'\ntR.",
    "nested": pickle.dumps(pickle.dumps(Evil())),
    "without a call": pickle.dumps({"weights": [1, 2, 3]}),
    "of text, without a call": pickle.dumps([1, 2], 0),
    "behind padding": b"N0" * 5000 + pickle.dumps(Evil(), 0),
}
PACKED = {
    "zip": zipped("model/data.pkl", EVIL),
    "zip in a zip": zipped("a.zip", zipped("data.pkl", EVIL)),
    "zip behind text": b"# a card\n" + zipped("data.pkl", EVIL),
    "empty zip": zipped("x", b"")[:0] + b"PK\x05\x06" + bytes(18),
    "npz": as_npz(Evil()),
}
BINARY = {
    "npy of objects": as_npy(Evil()),
    "gzip": gzip.compress(EVIL),
    "bzip2": bz2.compress(EVIL),
    "xz": lzma.compress(EVIL),
    "tar": tarred(EVIL),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [*PICKLES, *PACKED])
def test_a_pickle_or_a_zip_is_one_under_any_name(tmp_path: Path, kind: str, name: str) -> None:
    put(tmp_path, f"deep/{name}" if name != "MLmodel" else name, {**PICKLES, **PACKED}[kind])
    refused(tmp_path, f"{name}: this is a pickle or a zip")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", BINARY)
def test_what_is_packed_otherwise_is_not_what_its_name_says(tmp_path: Path, kind: str, name: str) -> None:
    put(tmp_path, name, BINARY[kind])
    refused(tmp_path, f"{name}: this is no")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "N.",
        "I am a card.\nWith two lines.\n",
        "(in brackets)\n\nand more\nthan that.",
        "celery\nrequests\ntorch\n",
        "(icecream\nrequests\n.",  # as little as it takes to look like one, and too little for a call of something
        "{}",
        '{"a": [1, 2]}',
        "channels:\n- conda-forge\n",
        "0 1\n1 2\n",
        "夜班",
        "# title\n\n| a | b |\n",
        "pip==1\nnumpy==2\n",
        "]]]]]]",
    ],
)
def test_text_is_no_pickle(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert is_pickle(tmp_path / "a.txt") == text.startswith("(icecream")
    if not text.startswith("(icecream"):
        check_files(tmp_path)


def test_a_pickle_that_never_ends_is_one(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", b"N0" * 600_000)
    refused(tmp_path, "pickle")


def test_weights_whose_last_bytes_are_a_zip_are_refused(tmp_path: Path) -> None:
    archive = np.frombuffer(zipped("data.pkl", EVIL), np.uint8)
    put(tmp_path, "model.safetensors", save({"a": np.ones(3, np.float32), "z": archive}))
    refused(tmp_path, "pickle or a zip")


def changed(archive: bytes, at: int, data: bytes) -> bytes:
    """A zip with other bytes that far behind the beginning of its directory."""
    start = archive.index(b"PK\x01\x02") + at
    return archive[:start] + data + archive[start + len(data) :]


def with_zip64(archive: bytes) -> bytes:
    """The same, of a size that its end cannot say."""
    end = archive.index(b"PK\x05\x06")
    size, offset = struct.unpack("<LL", archive[end + 12 : end + 20])
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return (
        archive[:end]
        + record
        + locator
        + struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    )


PLAIN = zipped("data.pkl", EVIL)
ODD_ZIPS = {  # each opened by some reader, and not by Python's or not without a word
    "a version that is not known": changed(PLAIN, 6, b"\xff\x00"),
    "a name that is no UTF-8": changed(changed(PLAIN, 9, b"\x08"), 46, b"\xff\xfe"),
    "extra fields that are none": changed(PLAIN, 30, b"\x04\x00"),
    "a directory of other length": changed(PLAIN, 28, b"\xff\xff"),
    "zip64": with_zip64(PLAIN),
    "a comment": PLAIN[:-2] + struct.pack("<H", 300) + b"x" * 300,
    "a comment of another length": PLAIN + b"x" * 300,
}


@pytest.mark.parametrize("kind", ODD_ZIPS)
def test_a_zip_is_one_whatever_its_readers_forgive(tmp_path: Path, kind: str) -> None:
    put(
        tmp_path, "model.safetensors", save({"a": np.ones(3, np.float32), "z": np.frombuffer(ODD_ZIPS[kind], np.uint8)})
    )
    refused(tmp_path, "pickle or a zip")


@pytest.mark.parametrize("rest", [bytes(18), b"\xff" * 18, bytes(range(1, 19)), b""])
def test_weights_that_hold_the_end_of_a_zip_by_chance_are_weights(tmp_path: Path, rest: bytes) -> None:
    weights = np.frombuffer(b"abcd" * 9 + b"PK\x05\x06" + rest, np.uint8)
    put(tmp_path, "model.safetensors", save({"w": weights}))
    check_files(tmp_path)


@pytest.mark.parametrize(
    "name", ["run.py", "libx.so", "model.bin", "model.pt", "data.npy", "noname", "a.safetensors.pkl"]
)
def test_other_kinds_of_files_are_refused_whatever_they_hold(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, b"anything")
    refused(tmp_path, f"{name}: a model may not hold files of this kind")


def test_a_name_without_a_kind_counts_at_the_top_only(tmp_path: Path) -> None:
    put(tmp_path, "model/MLmodel", b"flavors: {}")
    refused(tmp_path, "model/MLmodel: a model may not hold files of this kind")


# Code by name -------------------------------------------------------------------------------------------------------

CODE = {"AutoModel": "custom.Model"}


@pytest.mark.parametrize(
    "file", ["config.json", "tokenizer_config.json", "variants/a.v1/generation_config.json", "x.json"]
)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"auto_map": CODE}),
        json.dumps({"a": {"b": [{"c": {"auto_map": CODE}}]}}),
        json.dumps([[{"auto_map": CODE}]]),
        '{"auto_map": {"AutoModel": "custom.Model"}, "auto_map": null}',
        '{"b": {"auto_map": 1}, "b": 2}',
        '{"auto\\u005fmap": {}}',
        '{"custom_pipelines": {"mine": {"impl": "mine.Pipeline"}}}',
        '{"deep": ' + '{"deep": ' * 200 + '{"auto_map": {}}' + "}" * 201,
    ],
)
def test_a_key_that_loads_code_is_found_however_deep_and_in_any_file(tmp_path: Path, file: str, text: str) -> None:
    put(tmp_path, file, text.encode())
    refused(tmp_path, f"{file}: (auto_map|custom_pipelines) would load code")


@pytest.mark.parametrize("text", ["", "{", "no", "[" * 100_000, "\xff{}"])
def test_what_is_called_json_is_json(tmp_path: Path, text: str) -> None:
    put(tmp_path, "config.json", text.encode("latin-1"))
    refused(tmp_path, r"config\.json: this is no JSON")


def test_a_word_is_no_key(tmp_path: Path) -> None:
    put(tmp_path, "tokenizer.json", json.dumps({"vocab": ["auto_map"], "text": "auto_map"}).encode())
    check_files(tmp_path)


# Weights ------------------------------------------------------------------------------------------------------------


def raw(kind: str, data: bytes, size: int) -> bytes:
    """A safetensors file of one tensor in a type that NumPy may not have."""
    header = {"w": {"dtype": kind, "shape": [len(data) // size], "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


BFLOATS = {
    "nan": b"\xc0\x7f",
    "infinite": b"\x80\x7f",
    "minus infinite": b"\x80\xff",
    "nan of another sign": b"\x81\xff",
}


@pytest.mark.parametrize("at", [0, 300_000, 599_999])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_weights_that_are_no_finite_numbers_are_found(tmp_path: Path, kind: type, value: float, at: int) -> None:
    weights = np.zeros(600_000, kind)
    weights[at] = value
    put(tmp_path, "model.safetensors", save({"first": np.ones(3, kind), "second": weights}))
    refused(tmp_path, "second holds weights that are no finite numbers")


@pytest.mark.parametrize(("kind", "odd", "fine", "size"), [
    *(("BF16", odd, b"\x7f\x7f", 2) for odd in BFLOATS.values()),
    ("F8_E4M3", b"\x7f", b"\x7e", 1),
    ("F8_E4M3", b"\xff", b"\x78", 1),
    ("F8_E5M2", b"\x7c", b"\x7b", 1),
    ("F8_E5M2", b"\xfe", b"\x7b", 1),
])  # fmt: skip
def test_the_small_types_have_their_own_ways_to_be_no_number(
    tmp_path: Path, kind: str, odd: bytes, fine: bytes, size: int
) -> None:
    put(tmp_path, "model.safetensors", raw(kind, fine * 5, size))
    check_files(tmp_path)
    put(tmp_path, "model.safetensors", raw(kind, fine * 3 + odd + fine, size))
    refused(tmp_path, "no finite numbers")


def test_whole_numbers_and_empty_tensors_are_fine(tmp_path: Path) -> None:
    tensors = {"a": np.full(3, 255, np.uint8), "b": np.array([True]), "c": np.zeros((0, 4), np.float32)}
    put(tmp_path, "model.safetensors", save(tensors))
    check_files(tmp_path)


@pytest.mark.parametrize("cut", [0, 4, 8, 40, -1])
def test_weights_that_are_cut_off_or_go_on_are_refused(tmp_path: Path, cut: int) -> None:
    whole = save({"a": np.ones(30, np.float32)})
    put(tmp_path, "model.safetensors", whole[:cut] if cut else whole + b"more")
    refused(tmp_path, "no whole safetensors file")


# Links --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leads_to", ["/etc/passwd", "../outside.txt", "inside.txt", "nowhere", "folder"])
def test_links_are_refused_wherever_they_lead(tmp_path: Path, leads_to: str) -> None:
    folder = tmp_path / "model"
    put(tmp_path, "outside.txt", b"text")
    put(folder, "inside.txt", b"text")
    put(folder, "folder/inner.txt", b"text")
    check_files(folder)
    (folder / "link.txt").symlink_to(leads_to)
    refused(folder, r"link\.txt: a model may not hold links")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "config.json")
    refused(tmp_path, r"config\.json: a model may not hold files of this kind")
