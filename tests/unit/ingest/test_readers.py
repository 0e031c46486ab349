"""Each format, read from a real folder: what becomes a document, and what is quarantined where and why."""

import gzip
import io
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
import zstandard

from pipeline_lib.ingest.readers import read_jsonl
from pipeline_lib.ingest.records import ReadOptions
from pipeline_lib.ingest.streams import Stream
from pipeline_lib.ingest.summing import read_quarantine
from pipeline_lib.store.artifact import Outcome

LIMIT = 2048  # bytes a document, so that too long ones stay small in tests


@pytest.fixture
def small(house: Any) -> Any:
    house.settings = {"max_document_bytes": LIMIT}
    return house


def parquet_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def hash16(text: str) -> str:
    return xxhash.xxh3_128_hexdigest(text.encode())[:16]


def test_whole_files_are_one_document_each_in_their_format(house: Any) -> None:
    house.write("a.txt", "plain\r\ntext")
    house.write("b/c.md", "# 标题")
    house.write("d.html", "<p>hi</p>")
    house.write("e.htm.gz", gzip.compress(b"<p>ho</p>"))
    house.write("f.TXT.zst", zstandard.compress("夜".encode()))
    rows = house.rows(house.night())
    assert [(row["url"], row["format"], row["text"], row["source"]) for row in rows] == [
        ("a.txt", "text", "plain\r\ntext", "docs"),
        ("b/c.md", "markdown", "# 标题", "docs"),
        ("d.html", "html", "<p>hi</p>", "docs"),
        ("e.htm.gz", "html", "<p>ho</p>", "docs"),
        ("f.TXT.zst", "text", "夜", "docs"),
    ]


def test_document_id_is_the_hash_of_source_url_and_text(house: Any) -> None:
    house.write("a.txt", "夜 night")
    (row,) = house.rows(house.night())
    assert row["document_id"] == xxhash.xxh3_128_hexdigest("docs\0a.txt\0夜 night".encode())


def test_jsonl_names_lines_by_id_or_by_hash_and_counts_repeats(house: Any) -> None:
    lines = [
        {"id": "甲", "text": "one"},
        {"id": 7, "text": "two"},
        {"text": "three"},
        {"text": "three"},
        {"id": "甲", "text": "four"},
        {"id": True, "text": "five"},
        {"id": "x" * 201, "text": "six"},
        {"id": "two\nlines", "text": "seven"},
        {"id": "\ud800", "text": "eight"},
    ]
    house.write("a.jsonl", "\n".join(json.dumps(line) for line in lines))
    assert list(house.texts(house.night())) == [
        "a.jsonl#甲",
        "a.jsonl#7",
        f"a.jsonl#{hash16('three')}",
        f"a.jsonl#{hash16('three')}-2",
        "a.jsonl#甲-2",
        f"a.jsonl#{hash16('five')}",
        f"a.jsonl#{hash16('six')}",
        f"a.jsonl#{hash16('seven')}",
        f"a.jsonl#{hash16('eight')}",
    ]


def test_a_repeat_never_takes_the_name_of_another_record(house: Any) -> None:
    house.write("a.jsonl", "".join(json.dumps({"id": name, "text": "t"}) + "\n" for name in ("a-2", "a", "a")))
    assert list(house.texts(house.night())) == ["a.jsonl#a-2", "a.jsonl#a", "a.jsonl#a-2-2"]


def test_each_bad_line_of_jsonl_is_quarantined_with_its_place_and_the_rest_is_kept(small: Any) -> None:
    small.write(
        "坏.jsonl",
        b"\n".join(
            [
                b'{"text": "good one"}',
                b'{"text": "cut',
                b"[1, 2]",
                b"",
                b'{"id": 1}',
                b'{"text": null}',
                b'{"text": "  \\n"}',
                b'{"text": "\xff\xfe"}',
                b'{"text": "\\ud800"}',
                b'{"text": "a\\u0000b"}',
                b'{"text": "' + b"x" * LIMIT + b'"}',
                b"[" * 9 + b"]" * 9,
                b'{"score": NaN, "text": "good two"}',
            ]
        ),
    )
    plan = small.night()
    assert list(small.texts(plan).values()) == ["good one", "good two"]
    assert small.quarantine(plan) == [
        "坏.jsonl:2: invalid JSON",
        "坏.jsonl:3: not a JSON object",
        "坏.jsonl:5: no text in field 'text'",
        "坏.jsonl:6: empty text",
        "坏.jsonl:7: empty text",
        "坏.jsonl:8: not UTF-8",
        "坏.jsonl:9: not valid Unicode",
        "坏.jsonl:10: contains NUL",
        "坏.jsonl:11: longer than 2 KiB",
        "坏.jsonl:12: not a JSON object",
    ]


def test_json_nested_beyond_all_reason_is_invalid(house: Any) -> None:
    house.write("a.jsonl", "[" * 100_000 + "]" * 100_000)
    assert house.quarantine(house.night()) == ["a.jsonl:1: invalid JSON"]


AWKWARD = [
    b'{"id": 7, "text": "a"}',
    b'{"id": 18446744073709551615, "text": "the last of 64 bits"}',
    b'{"id": 18446744073709551616, "text": "one more"}',
    b'{"id": -9223372036854775809, "text": "one less"}',
    b'{"id": 1.5, "text": "no id"}',
    b'{"id": 1e3, "text": "no id"}',
    b'{"id": NaN, "text": "no id"}',
    b'{"id": -0, "text": "a"}',
    b'{"id": true, "text": "a"}',
    b'{"id": null, "text": "a"}',
    b'{"id": "1", "text": "first", "text": "last"}',
    b'{"id": "1", "id": "2", "text": "a"}',
    b'{"id": "\\u00e9", "text": "\\ud83c\\udf19 \\/ \\b"}',
    b'{"id": "1", "text": "\\ud83c"}',
    b'{"id": "1", "text": "\\udf19\\ud83c"}',
    b'{"id": "\\ud83c", "text": "a"}',
    b'{"id": "1", "text": "\xf0\x9f\x8c\x99\xe2\x80\xa8"}',
    b'{"id": "1", "text": "\xed\xa0\xbc"}',
    b'{"id": "1", "text": "\xc3"}',
    b'\xef\xbb\xbf{"id": "1", "text": "a"}',
    b'\t {"id" : "1" ,\r"text":"a"} \r',
    b'\x0c{"text": "a"}',
    b'{"text": "a\tb"}',
    b'{"text": "a",}',
    b'{"text": "a"} {"text": "b"}',
    b'{"text": "a", "n": 01}',
    b'{"text": "a", "n": Infinity}',
    b'{"text": "a", "n": 1e999}',
    b'{"text": "a", "n": ' + b"[" * 500 + b"]" * 500 + b"}",
    b'"text"',
    b"null",
    b"text",
]


@pytest.mark.parametrize("line", AWKWARD, ids=range(len(AWKWARD)))
@pytest.mark.parametrize("id_field", ["id", None])
def test_a_line_of_json_says_what_the_standard_library_reads(line: bytes, id_field: str | None) -> None:
    options = ReadOptions(max_document_bytes=1 << 20, max_expansion=100, id_field=id_field)
    with patch.object(orjson, "loads", side_effect=orjson.JSONDecodeError("not asked", "", 0)):
        slowly = list(read_jsonl(Stream(io.BytesIO(line), "", len(line), 100), options))
    assert list(read_jsonl(Stream(io.BytesIO(line), "", len(line), 100), options)) == slowly


def test_jsonl_with_mark_crlf_and_utf16_reads_alike(house: Any) -> None:
    text = '{"id": 1, "text": "夜"}\r\n{"id": 2, "text": "a\u2028b"}\r\n'
    house.write("mark.jsonl", text.encode("utf-8-sig"))
    house.write("wide.ndjson", text.encode("utf-16"))
    assert list(house.texts(house.night()).values()) == ["夜", "a\u2028b", "夜", "a\u2028b"]


def test_other_fields_and_formats_can_be_named(house: Any) -> None:
    house.reading = {"text_field": "正文", "id_field": "编号", "record_format": "html"}
    house.write("a.jsonl", '{"编号": "第1条", "正文": "<p>文</p>", "text": "no"}')
    (row,) = house.rows(house.night())
    assert (row["url"], row["format"], row["text"]) == ("a.jsonl#第1条", "html", "<p>文</p>")


def test_csv_rows_are_documents_and_quoted_line_ends_belong_to_them(house: Any) -> None:
    house.write("a.csv", '\ufeffid,text,more\n1,"two\nlines, 夜",x\n\n2,one,y\n')
    plan = house.night()
    assert house.texts(plan) == {"a.csv#1": "two\nlines, 夜", "a.csv#2": "one"}
    assert [row["place"] for row in house.rows(plan, "ledger.parquet")] == ["a.csv:2", "a.csv:5"]


def test_each_bad_row_of_csv_is_quarantined_and_the_rest_is_kept(small: Any) -> None:
    rows = [
        b"id,text",
        b"1,good",
        b"2",
        b"3,a,b",
        b"4,\xff",
        b'5,"a"b',
        b"6," + b"x" * LIMIT,
        b"7,",
        b"8,also good",
        b'9,"never closed',
    ]
    small.write("a.csv", b"\r\n".join(rows))
    plan = small.night()
    assert list(small.texts(plan).values()) == ["good", "also good"]
    assert [line.split(": ")[1] for line in small.quarantine(plan)] == [
        "wrong number of columns",
        "wrong number of columns",
        "not UTF-8",
        "invalid CSV",
        "longer than 2 KiB",
        "empty text",
        "invalid CSV",
    ]


def test_an_unclosed_quote_swallows_no_more_than_the_limit(small: Any) -> None:
    small.write("a.csv", 'id,text\n1,"open\n' + "2,row\n" * 1000)
    plan = small.night()
    assert small.quarantine(plan)[0] == "a.csv:2: longer than 2 KiB"
    assert len(small.texts(plan)) > 500


def test_parquet_rows_are_documents_plain_and_compressed(house: Any) -> None:
    table = pa.table({"id": ["a", None], "text": ["甲", "two"]})
    house.write("a.parquet", parquet_bytes(table))
    house.write("b.parquet.zst", zstandard.compress(parquet_bytes(table)))
    two = hash16("two")
    assert house.texts(house.night()) == {
        "a.parquet#a": "甲",
        f"a.parquet#{two}": "two",
        "b.parquet.zst#a": "甲",
        f"b.parquet.zst#{two}": "two",
    }


def test_a_long_text_of_parquet_is_quarantined(small: Any) -> None:
    texts = ["夜" * (LIMIT // 3), "夜" * (LIMIT // 3 + 1)]  # three bytes each
    small.write("a.parquet", parquet_bytes(pa.table({"text": texts})))
    assert small.quarantine(small.night()) == ["a.parquet:2: longer than 2 KiB"]


def test_a_path_never_looks_like_a_record_of_another_file(house: Any) -> None:
    house.write("a.jsonl", '{"id": "b.txt", "text": "x"}')
    house.write("a.jsonl#b.txt", "x")
    assert list(house.texts(house.night())) == ["a.jsonl#b.txt", "a.jsonl%23b.txt"]


def test_bad_rows_of_parquet_are_quarantined_by_number(house: Any) -> None:
    wrong = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    column = pa.chunked_array([pa.array(["fine", None]), wrong])
    house.write("a.parquet", parquet_bytes(pa.table({"text": column})))
    plan = house.night()
    assert list(house.texts(plan).values()) == ["fine"]
    assert house.quarantine(plan) == ["a.parquet:2: empty text", "a.parquet:3: not UTF-8"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "empty file"),
        ("a.jsonl", b"", "empty file"),
        ("a.csv", b"", "empty file"),
        ("a.parquet", b"", "empty file"),
        ("a.txt", b" \n\t", "empty text"),
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.md", b"a\0b", "contains NUL"),
        ("a.txt", b"x" * (LIMIT + 1), "longer than 2 KiB"),
        ("a.html", bytes(range(128, 256)), "not UTF-8"),
        ("a.csv", b"id,body\n1,x\n", "no column 'text'"),
        ("a.parquet", b"PAR1 no more", "damaged Parquet"),
        ("a.parquet", parquet_bytes(pa.table({"body": ["x"]})), "no column 'text'"),
        ("a.txt.gz", b"not gzip", "damaged gzip"),
        ("a.txt.gz", gzip.compress(b"hello" * 50, mtime=0)[:-5], "truncated gzip"),
        ("a.txt.zst", zstandard.compress(b"hello" * 50)[:-1], "truncated zstd"),
    ],
)
def test_a_broken_file_is_one_quarantine_row(small: Any, name: str, content: bytes, reason: str) -> None:
    small.write(name, content)
    plan = small.night()
    assert small.texts(plan) == {}
    assert small.quarantine(plan) == [f"{name}: {reason}"]


def test_lines_before_the_cut_of_a_gzip_are_kept(house: Any) -> None:
    lines = "".join(json.dumps({"id": n, "text": f"{n}: " + hash16(str(n)) * 400}) + "\n" for n in range(100))
    packed = gzip.compress(lines.encode())
    house.write("a.jsonl.gz", packed[: len(packed) // 2])
    plan = house.night()
    urls = list(house.texts(plan))
    assert 10 < len(urls) < 90
    assert urls == [f"a.jsonl.gz#{n}" for n in range(len(urls))]
    assert house.quarantine(plan) == ["a.jsonl.gz: truncated gzip"]


def test_a_file_that_may_not_be_opened_is_quarantined(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == "locked.txt":
            raise PermissionError(13, "Permission denied", str(self))
        return real_open(self, *args, **kwargs)

    house.write("locked.txt", "secret")
    monkeypatch.setattr(Path, "open", refuse)
    assert house.quarantine(house.night()) == ["locked.txt: cannot be opened"]
    monkeypatch.undo()
    assert house.texts(house.night()) == {"locked.txt": "secret"}


def test_the_outcome_counts_what_came_in_and_why_it_went(house: Any) -> None:
    house.write("a.jsonl", '{"text": "好"}\nnonsense\n{"text": 1}\n')
    plan = house.night()
    assert house.make(house.shard_work(plan, plan.shards[0])) == Outcome(
        rows_in=3,
        rows_out=1,
        dropped={"invalid_json": 1, "no_text_in_field_text": 1},
        file_rows={"documents.parquet": 1, "ledger.parquet": 1, "quarantine.parquet": 2, "files.parquet": 1},
        facts={"source": "docs"},
    )
    quarantine = house.shard_folder(plan) / "quarantine.parquet"
    assert read_quarantine(quarantine, 1) == ["a.jsonl:2: invalid JSON"]
