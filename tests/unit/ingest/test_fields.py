"""Which fields make a document: templates, titles, licences, metadata, names with dots; charset and delimiter told."""

import csv
import datetime
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline_lib.ingest.records import EMPTY_TEXT
from pipeline_lib.ingest.sources.files import FilesSource

ROWS: list[dict[str, Any]] = [
    {"id": "a", "title": "港口", "body": "Ships come in.", "rights": "CC0-1.0", "year": 1999, "note": None},
    {"id": "b", "title": "", "body": "They leave, too.", "rights": "", "year": 2001, "note": "x"},
    {"id": "c", "title": "Nothing below", "body": "", "rights": None, "year": None, "note": ""},
    {"id": "d", "title": "", "body": "", "rights": "MIT", "year": 5, "note": ""},
]
READING = {
    "text_template": "{title}\n{body}",
    "title_field": "title",
    "licence_field": "rights",
    "licence": "CC-BY-4.0",
    "metadata_fields": {"date": "year", "remark": "note"},
}


def as_jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), written)
    return written.getvalue()


FORMATS = {
    "a.jsonl": as_jsonl,
    "a.jsonl.gz": lambda rows: gzip.compress(as_jsonl(rows)),
    "a.json": lambda rows: json.dumps(rows).encode(),
    "a.csv": as_csv,
    "a.tsv": lambda rows: as_csv(rows, "\t"),
    "a.parquet": as_parquet,
}


def told(house: Any) -> dict[str, tuple[Any, ...]]:
    """Of each document by its part: text, title, licence, metadata."""
    rows = house.rows(house.night())
    return {
        row["url"].partition("#")[2]: (row["text"], row["title"], row["licence"], dict(row["metadata"] or ()))
        for row in rows
    }


@pytest.mark.parametrize("name", FORMATS)
def test_the_fields_of_a_record_make_the_same_document_in_each_format(house: Any, name: str) -> None:
    house.reading = READING
    house.write(name, FORMATS[name](ROWS))
    assert told(house) == {
        "a": ("港口\nShips come in.", "港口", "CC0-1.0", {"date": "1999"}),
        "b": ("\nThey leave, too.", None, "CC-BY-4.0", {"date": "2001", "remark": "x"}),
        "c": ("Nothing below\n", "Nothing below", "CC-BY-4.0", {}),
    }
    assert [row.partition(": ")[2] for row in house.quarantine(house.last)] == [EMPTY_TEXT]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])
def test_a_field_within_an_object_is_named_by_dots(house: Any, name: str) -> None:
    house.reading = {
        "text_field": "content.text",
        "id_field": "meta.key",
        "title_field": "meta.title",
        "metadata_fields": {"url": "meta.source.url", "all": "meta.source"},
    }
    rows = [{"content": {"text": "one"}, "meta": {"key": 7, "title": "T", "source": {"url": "https://e.example/1"}}}]
    house.write(name, FORMATS[name](rows))
    known = {"url": "https://e.example/1", "all": '{"url":"https://e.example/1"}'}
    assert told(house) == {"7": ("one", "T", None, known)}


def test_a_field_whose_own_name_has_dots_goes_before_one_within(house: Any) -> None:
    house.reading = {"text_field": "a.b"}
    house.write("a.jsonl", '{"a": {"b": "within"}, "a.b": "itself"}\n{"a": {"b": "within alone"}}\n{"a": "no object"}')
    assert list(house.texts(house.night()).values()) == ["itself", "within alone"]
    assert house.quarantine(house.last) == ["a.jsonl:3: no text in field 'a.b'"]


def test_a_table_without_a_field_of_the_template_says_which_and_others_may_be_missing(house: Any) -> None:
    house.reading = {**READING, "text_template": "{title}: {summary}"}
    house.write("a.csv", as_csv(ROWS))
    house.write("b.parquet", as_parquet(ROWS))
    house.write("c.csv", "title,summary\nT,S\n")
    assert [row[0] for row in told(house).values()] == ["T: S"]
    assert house.quarantine(house.last) == ["a.csv: no column 'summary'", "b.parquet: no column 'summary'"]


def test_a_field_of_the_template_that_is_there_twice_is_refused(house: Any) -> None:
    house.reading = {"text_template": "{title}\n{body}"}
    house.write("a.jsonl", '{"title": "1", "body": "2", "title": "3"}\n{"title": "4", "body": "5"}')
    house.write("b.csv", "title,body,title\n1,2,3\n")
    assert list(house.texts(house.night()).values()) == ["4\n5"]
    assert house.quarantine(house.last) == ["a.jsonl:1: several fields 'title'", "b.csv: 2 columns 'title'"]


VALUES: list[tuple[Any, str | None]] = [
    ("text", "text"),
    ("", None),
    (None, None),
    (7, "7"),
    (0, "0"),
    (False, "false"),
    (1.5, "1.5"),
    (float("nan"), None),
    (["a", "é"], '["a","é"]'),
    ({}, "{}"),
]


@pytest.mark.parametrize(("value", "said"), VALUES)
def test_what_a_field_holds_is_told_as_text_or_not_at_all(house: Any, value: Any, said: str | None) -> None:
    house.reading = {"metadata_fields": {"it": "value"}}
    house.write("a.jsonl", json.dumps({"id": "a", "text": "t", "value": value}))
    assert told(house) == {"a": ("t", None, None, {} if said is None else {"it": said})}


def test_dates_of_parquet_are_told_as_iso_8601(house: Any) -> None:
    house.reading = {"metadata_fields": {"date": "day", "at": "time"}}
    row = {"id": "a", "text": "t", "day": datetime.date(2026, 1, 2), "time": datetime.datetime(2026, 1, 2, 3, 4, 5)}
    house.write("a.parquet", as_parquet([row]))
    assert told(house)["a"][3] == {"date": "2026-01-02", "at": "2026-01-02T03:04:05"}


def test_half_a_surrogate_in_a_title_costs_that_character(house: Any) -> None:
    house.reading = {"title_field": "title"}
    house.write("a.jsonl", '{"id": "a", "text": "t", "title": "A\\ud800B \\ud83d\\ude00"}')
    assert told(house)["a"][1] == "A\ufffdB \U0001f600"


def test_brackets_that_are_doubled_stand_for_themselves(house: Any) -> None:
    house.reading = {"text_template": "{{{title}}} {body}{{}}"}
    house.write("a.jsonl", '{"id": "a", "title": "T", "body": "B"}')
    assert told(house)["a"][0] == "{T} B{}"


@pytest.mark.parametrize(
    "template", ["no field", "", "{}", "{title", "title}", "{title!r}", "{title:>9}", "{{title}}", "{title} {}"]
)
def test_a_template_that_is_none_is_refused_with_an_example(template: str) -> None:
    with pytest.raises(ValidationError, match=r"Write names of fields in brackets, as in"):
        FilesSource(name="docs", path=Path("docs"), text_template=template)


def test_the_licence_of_a_source_is_that_of_whole_files_too(house: Any) -> None:
    house.reading = {"licence": "CC0-1.0"}
    house.write("a.txt", "plain")
    house.write("b.html", "<p>page</p>")
    assert {row["licence"] for row in house.rows(house.night())} == {"CC0-1.0"}


def test_options_that_are_off_are_in_no_name_and_each_that_is_on_is_in_all() -> None:
    plain = FilesSource(name="docs", path=Path("docs"))
    assert sorted(plain.decisive()) == ["id_field", "kind", "name", "record_format", "text_field"]
    asked = {**READING, "encoding": "gbk", "delimiter": ";"}
    changed = [FilesSource(name="docs", path=Path("docs"), **{name: value}) for name, value in asked.items()]
    assert len({json.dumps(one.decisive(), sort_keys=True) for one in [plain, *changed]}) == len(asked) + 1


# Charset and delimiter ----------------------------------------------------------------------------------------------

RUSSIAN = "Суда приходят утром, и писарь заносит их имена в книгу."
TOLD = {
    "windows-1251": ("cp1251", RUSSIAN),
    "koi8-r": ("koi8_r", RUSSIAN),
    "windows-1256": ("cp1256", "تصل السفن في الصباح ويكتب الكاتب أسماءها في الدفتر"),
    "iso-8859-7": ("iso8859_7", "Τα πλοία έρχονται το πρωί και ο γραφέας γράφει τα ονόματά τους"),
    "gbk": ("gbk", "港口的管理员每天记录进港的船只"),
    "big5": ("big5", "港口的管理員每天記錄進港的船隻"),
    "shift_jis": ("cp932", "毎朝、船長は港の帳面に船の名を書きます"),
    "UTF-16LE": ("utf-16-le", "Ships 船 come in"),
    "utf-16be": ("utf-16-be", "Ships 船 come in"),
    "iso-2022-jp": ("iso2022_jp", "毎朝、船長は港の帳面に船の名を書きます"),
}
WHOLE = {"a.txt": "{}", "a.md": "# {}", "a.html": "<p>{}</p>"}
ROWED = {
    "a.jsonl": '{{"text": "{}"}}',
    "a.json": '[{{"text": "{}"}}]',
    "a.csv": 'id,text\n1,"{}"\n',
    "a.tsv": "text\n{}\n",
}


@pytest.mark.parametrize("label", TOLD)
@pytest.mark.parametrize("name", [*WHOLE, *ROWED])
def test_the_charset_of_a_source_is_that_of_what_has_none_of_its_own(house: Any, name: str, label: str) -> None:
    codec, text = TOLD[label]
    house.reading = {"encoding": label}
    frame = {**WHOLE, **ROWED}[name]
    house.write(name, frame.format(text).encode(codec))
    (found,) = house.texts(house.night()).values()
    assert found == (WHOLE[name].format(text) if name in WHOLE else text)


def test_what_is_utf_8_or_has_a_mark_is_read_as_that_whatever_the_source_says(house: Any) -> None:
    house.reading = {"encoding": "windows-1251"}
    house.write("a.txt", RUSSIAN)
    house.write("b.txt", RUSSIAN.encode("utf-16"))
    house.write("c.jsonl", json.dumps({"text": RUSSIAN}, ensure_ascii=False))
    assert list(house.texts(house.night()).values()) == [RUSSIAN] * 3


def test_the_label_of_a_source_goes_before_that_of_a_page(house: Any) -> None:
    house.reading = {"encoding": "windows-1251"}
    page = f'<html><head><meta charset="koi8-r"></head><body>{RUSSIAN}</body></html>'
    house.write("a.html", page.encode("cp1251"))
    assert list(house.texts(house.night()).values()) == [page]


@pytest.mark.parametrize("label", ["utf-7", "klingon", "", "utf-16,gbk"])
def test_a_charset_that_nobody_knows_is_refused_with_some_that_are_known(label: str) -> None:
    with pytest.raises(ValidationError, match=r"no charset that browsers know has this name\. Usual are gbk, big5"):
        FilesSource(name="docs", path=Path("docs"), encoding=label)


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "¦"])
def test_the_fields_of_a_csv_may_stand_between_other_signs(house: Any, delimiter: str) -> None:
    house.reading = {"delimiter": delimiter, "title_field": "title"}
    rows = [{"id": "a", "text": f'one, two{delimiter} "three"', "title": "1,5"}]
    house.write("a.csv", as_csv(rows, delimiter))
    assert told(house) == {"a": (rows[0]["text"], "1,5", None, {})}


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r"])
def test_what_cannot_stand_between_fields_is_refused(delimiter: str) -> None:
    with pytest.raises(ValidationError):
        FilesSource(name="docs", path=Path("docs"), delimiter=delimiter)


def test_a_wrong_delimiter_is_told_with_the_column_that_is_not_there(house: Any) -> None:
    house.write("a.csv", "id;text\n1;one\n2;two\n")
    house.night()
    assert house.quarantine(house.last) == ["a.csv: no column 'text'"]
