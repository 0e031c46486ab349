"""What broken input takes along is weighed by what it held, and what is empty is no damage."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.ingest import streams
from pipeline_lib.ingest.summing import lost_records
from pipeline_lib.ingest.tables import INVENTORY_SCHEMA, NO_RECORDS

GOOD = "".join(
    json.dumps({"id": str(number), "text": f"夜里第 {number} 条 note of the night"}) + "\n" for number in range(300)
)
LONG = "".join(json.dumps({"id": str(number), "text": f"row {number} " + "字" * 30}) + "\n" for number in range(5_000))


def csv_of(rows: int, *, end: str = "\n", odd: dict[int, str] | None = None) -> bytes:
    """A table of so many rows, some of them odd."""
    lines = [f"{number},row {number} of the table" for number in range(rows)]
    for number, text in (odd or {}).items():
        lines[number] = text
    return (end.join(["id,text", *lines]) + end).encode()


def parquet_of(rows: int) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": [f"row {number} " + "x" * 50 for number in range(rows)]}), sink)
    return sink.getvalue().to_pybytes()


def cut(data: bytes, part: int = 20) -> bytes:
    return data[: len(data) // part]


BEYOND: dict[str, tuple[str, bytes]] = {
    "a quote that nobody closes": ("a.csv", csv_of(500, odd={2: '2,"never closed'})),
    "one that a later row closes": ("a.csv", csv_of(500, odd={2: '2,"opened', 400: '400,"quoted" in between'})),
    "the same between tabs": ("a.tsv", csv_of(500, odd={2: '2,"never closed'}).replace(b",", b"\t")),
    "another delimiter": ("a.csv", csv_of(500).replace(b",", b";")),
    "no footer": ("a.parquet", parquet_of(5_000)[:-8]),
    "half a footer": ("a.parquet", parquet_of(5_000)[:-100]),
    "a cut gzip": ("a.jsonl.gz", cut(gzip.compress(LONG.encode()))),
    "a cut zstd": ("a.jsonl.zst", cut(zstandard.compress(LONG.encode()), 2)),
    "a cut bzip2": ("a.jsonl.bz2", cut(bz2.compress(LONG.encode()), 2)),
    "a cut xz": ("a.jsonl.xz", cut(lzma.compress(LONG.encode()), 2)),
    "a cut array": ("a.json", json.dumps([json.loads(line) for line in LONG.splitlines()]).encode()[:-50_000]),
    "zeros": ("a.parquet", bytes(100_000)),
}


@pytest.mark.parametrize(("name", "content"), BEYOND.values(), ids=BEYOND)
def test_a_file_that_lost_much_stops_the_night(house: Any, name: str, content: bytes) -> None:
    house.settings = {"max_bad_share": 0.01}
    house.write("good.jsonl", GOOD)
    house.write(name, content)
    with pytest.raises(GuardStop, match=r"cannot become documents, more than ingest\.max_bad_share"):
        house.night()


@pytest.mark.parametrize(("name", "content"), BEYOND.values(), ids=BEYOND)
def test_it_stops_alone_too(house: Any, name: str, content: bytes) -> None:
    house.settings = {"max_bad_share": 0.01}
    house.write(name, content)
    with pytest.raises(GuardStop):
        house.night()


@pytest.mark.parametrize("rows", [50, 2_000])
def test_what_a_quote_swallows_is_counted_by_rows(house: Any, rows: int) -> None:
    house.settings = {"max_bad_share": 0.01}
    house.write("a.csv", csv_of(rows, odd={2: '2,"never closed'}))
    with pytest.raises(GuardStop, match=f"ingest: {rows - 2} of {rows} records"):
        house.night()


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("chunk_bytes", [1, 8, 1 << 16])
def test_rows_end_as_spreadsheets_end_them(
    house: Any, monkeypatch: pytest.MonkeyPatch, name: str, end: str, chunk_bytes: int
) -> None:
    monkeypatch.setattr("pipeline_lib.ingest.streams._plain", partial(_in_pieces, chunk_bytes))
    monkeypatch.setitem(streams.DECOMPRESSORS, "", partial(_in_pieces, chunk_bytes))
    content = csv_of(50, end=end)
    house.write(name, content if name == "a.csv" else content.replace(b",", b"\t"))
    plan = house.night()
    assert (len(house.rows(plan)), house.quarantine(plan)) == (50, [])
    assert "row 7 of the table" in house.texts(plan).values()


def _in_pieces(num_bytes: int, raw: BinaryIO) -> Iterator[bytes]:
    while chunk := raw.read(num_bytes):
        yield chunk


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_lines_of_json_that_old_systems_have_ended_are_lines(house: Any, name: str) -> None:
    house.write(name, GOOD.replace("\n", "\r"))
    assert len(house.rows(house.night())) == 300


def test_one_long_document_among_many_is_one_document(house: Any) -> None:
    """A whole file holds one record, however long it is."""
    house.settings = {"max_document_bytes": 1 << 10}
    house.write("good.jsonl", GOOD)
    house.write("long.txt", "x" * 1_000_000)
    assert house.quarantine(house.night()) == ["long.txt: longer than 1 KiB"]


NOTHING: dict[str, dict[str, bytes]] = {
    "empty parts": {f"part-{number}.jsonl": b"" for number in range(5)},
    "empty in each way to compress": {
        "a.jsonl.gz": gzip.compress(b""),
        "b.jsonl.zst": zstandard.compress(b""),
        "c.jsonl.bz2": bz2.compress(b""),
        "d.jsonl.xz": lzma.compress(b""),
        "e.txt": b"",
        "f.parquet": b"",
        "g.csv": b"",
    },
    "empty texts": {"a.jsonl": b'{"text": ""}\n{"text": " \\n"}\n{"text": null}\n' * 20},
    "empty cells": {"a.csv": b"id,text\n1,\n2,\n3,  \n" * 1},
    "nulls": {"a.parquet": b"nulls"},
}


@pytest.mark.parametrize("files", NOTHING.values(), ids=NOTHING)
def test_what_is_empty_is_counted_and_is_no_damage(house: Any, files: dict[str, bytes]) -> None:
    house.settings = {"max_bad_share": 0}
    house.write("good.jsonl", GOOD)
    for name, content in files.items():
        house.write(name, _nulls() if content == b"nulls" else content)
    plan = house.night()
    assert len(house.rows(plan)) == 300
    reasons = {row.rpartition(": ")[2] for row in house.quarantine(plan)}
    assert reasons <= {"empty file", "empty text"} and len(house.quarantine(plan)) >= len(files)


def _nulls() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": pa.array([None, None, ""], pa.string())}), sink)
    return sink.getvalue().to_pybytes()


def _twice(rows: int) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays([pa.array(["one"] * rows), pa.array(["other"] * rows)], names=["text", "text"])
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


TWICE: dict[str, tuple[str, bytes, list[str]]] = {
    "Parquet": ("a.parquet", _twice(1), ["a.parquet: 2 columns 'text'"]),
    "CSV": ("a.csv", b"id,text,text\n1,one,other\n", ["a.csv: 2 columns 'text'"]),
    "TSV": ("a.tsv", b"id\ttext\ttext\n1\tone\tother\n", ["a.tsv: 2 columns 'text'"]),
    "ids of CSV": ("a.csv", b"id,id,text\n1,2,one\n", ["a.csv: 2 columns 'id'"]),
    "JSON": ("a.jsonl", b'{"text": "one", "text": "other"}\n', ["a.jsonl:1: several fields 'text'"]),
    "JSON, escaped": (
        "a.json",
        b'[{"text": "one", "meta": {"text": 1}, "text": 2}]',
        ["a.json:1: several fields 'text'"],
    ),
}


@pytest.mark.parametrize(("name", "content", "told"), TWICE.values(), ids=TWICE)
def test_a_column_that_is_there_twice_is_told_and_costs_nobody_else(
    house: Any, name: str, content: bytes, told: list[str]
) -> None:
    house.write("good.jsonl", GOOD)
    house.write(name, content)
    plan = house.night()
    assert (len(house.rows(plan)), house.quarantine(plan)) == (300, told)


def test_the_same_name_deeper_down_is_another_field(house: Any) -> None:
    lines = [
        '{"text": "outer", "meta": {"text": "inner", "id": 1}, "id": 2}',
        '{"meta": {"text": 1}, "text": "second"}',
    ]
    house.write("a.jsonl", "\n".join(lines))
    assert list(house.texts(house.night()).values()) == ["outer", "second"]


def test_text_of_parquet_without_its_mark_is_text_where_it_is_utf8(house: Any) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": pa.array(["夜".encode(), b"\xff\xfe", b"plain"], pa.binary())}), sink)
    house.write("a.parquet", sink.getvalue().to_pybytes())
    plan = house.night()
    assert list(house.texts(plan).values()) == ["夜", "plain"]
    assert house.quarantine(plan) == ["a.parquet:2: not UTF-8"]


@pytest.mark.parametrize("log", [28, 31])
def test_a_window_that_does_not_fit_is_told_with_what_to_do(house: Any, log: int) -> None:
    asked = zstandard.ZstdCompressionParameters(window_log=log, write_content_size=False)
    writer = zstandard.ZstdCompressor(compression_params=asked).compressobj()
    house.write("a.jsonl.zst", writer.compress(b'{"text": "one"}\n') + writer.flush())
    assert house.quarantine(house.night()) == ["a.jsonl.zst: zstd window over 128 MiB (compress without --long)"]


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    "": bytes,
}


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("repeats", [1, 3])
def test_what_is_compressed_in_several_streams_is_read_to_its_end(house: Any, ending: str, repeats: int) -> None:
    house.write(f"a.jsonl{ending}", PACKED[ending](GOOD.encode()) * repeats)
    assert len(house.rows(house.night())) == 300 * repeats


def test_damage_is_told_from_a_cut(house: Any) -> None:
    house.settings = {"max_bad_share": 1.0}
    for name, pack in (("bz2", bz2.compress), ("xz", lzma.compress)):
        packed = bytearray(pack(LONG.encode()))
        house.write(f"cut.jsonl.{name}", bytes(packed[:-40]))
        packed[len(packed) // 2] ^= 0xFF
        house.write(f"harmed.jsonl.{name}", bytes(packed))
    assert house.quarantine(house.night()) == [
        "cut.jsonl.bz2: truncated bzip2",
        "cut.jsonl.xz: truncated xz",
        "harmed.jsonl.bz2: damaged bzip2",
        "harmed.jsonl.xz: damaged xz",
    ]


RECORDS = [{"id": 1, "text": 'a "quoted" [text], {with} \\ signs'}, {"id": 2, "text": "第二", "meta": {"a": [1, {}]}}]
ARRAYS = {
    "compact": json.dumps(RECORDS),
    "indented": json.dumps(RECORDS, indent=2, ensure_ascii=False),
    "one a line": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "blanks before": "\n \t" + json.dumps(RECORDS),
}


@pytest.mark.parametrize("text", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 16])
def test_records_of_json_files_however_they_are_written(
    house: Any, monkeypatch: pytest.MonkeyPatch, text: str, chunk_bytes: int
) -> None:
    monkeypatch.setattr("pipeline_lib.ingest.streams.CHUNK_BYTES", chunk_bytes)
    house.write("a.json", text)
    assert house.texts(house.night()) == {f"a.json#{one['id']}": one["text"] for one in RECORDS}


def test_a_json_file_of_one_object_is_one_record(house: Any) -> None:
    house.write("a.json", json.dumps(RECORDS[0], indent=4))
    assert list(house.texts(house.night()).values()) == [RECORDS[0]["text"]]


def test_what_is_wrong_in_an_array_costs_itself(house: Any) -> None:
    house.settings = {"max_bad_share": 1.0, "max_document_bytes": 1 << 10}
    long = json.dumps({"text": "x" * 2_000})
    house.write("a.json", f'[{{"text": "one"}}, 7, {{"text": }}, {long}, {{"id": 1}}, [], {{"text": "two"}}]')
    plan = house.night()
    assert list(house.texts(plan).values()) == ["one", "two"]
    assert house.quarantine(plan) == [
        "a.json:2: not a JSON object",
        "a.json:3: invalid JSON",
        "a.json:4: longer than 1 KiB",
        "a.json:5: no text in field 'text'",
        "a.json:6: not a JSON object",
    ]


def inventory(*files: dict[str, Any]) -> pa.Table:
    rows = [{"path": f"{number}", **NO_RECORDS, **file} for number, file in enumerate(files)]
    return pa.Table.from_pylist(rows, INVENTORY_SCHEMA)


def test_what_nobody_can_count_is_weighed_by_size_and_by_what_was_read() -> None:
    whole = {"num_documents": 90, "num_unchanged": 10, "bytes": 20_000}
    assert lost_records(inventory()) == 0
    assert lost_records(inventory(whole)) == 0
    assert lost_records(inventory(whole, {"num_lost": 7, "bytes": 100})) == 7
    assert lost_records(inventory(whole, {"is_cut": True, "bytes": 2_000})) == 10
    assert lost_records(inventory(whole, {"is_cut": True, "bytes": 1})) == 1
    assert lost_records(inventory(whole, {"is_cut": True, "bytes": 2_000, "num_documents": 25, "num_lost": 2})) == 27
    assert lost_records(inventory({"is_cut": True, "bytes": 8_000})) == 4
    parts = ({"num_documents": 20, "bytes": 2_000}, {"num_documents": 5, "is_cut": True, "num_lost": 2})
    assert lost_records(inventory(whole, *({"path": "in parts", **part} for part in parts))) == 27
