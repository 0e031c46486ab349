"""A file to which somebody appends is read as it was when it was looked at; the next night reads the rest."""

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.ingest.documents import read_file, reading_of


def line(number: int) -> str:
    return json.dumps({"id": str(number), "text": f"note {number}"}) + "\n"


def table() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": ["0", "1"], "text": ["note 0", "note 1"]}), sink)
    return sink.getvalue().to_pybytes()


FORMS = {
    "a.jsonl": (line(0) + line(1)).encode(),
    "a.jsonl.gz": gzip.compress((line(0) + line(1)).encode()),
    "a.csv": b"id,text\n0,note 0\n1,note 1\n",
    "a.parquet": table(),
}


def append(place: Path, content: bytes) -> None:
    with place.open("ab") as file:
        file.write(content)


@pytest.mark.parametrize("name", FORMS)
def test_what_came_behind_since_the_look_waits_for_the_next_night(house: Any, name: str) -> None:
    place = house.write(name, FORMS[name])
    plan = house.scan()
    append(place, FORMS[name] * 3)
    house.seal(plan)
    assert list(house.texts(plan).values()) == ["note 0", "note 1"]
    assert house.quarantine(plan) == []


def test_what_comes_while_it_is_read_too(house: Any) -> None:
    place = house.write("a.jsonl", line(0) + line(1))
    (shard,) = house.scan().shards
    reading = read_file(reading_of(house.ingest, house.source, None), shard.files[0], place)
    first = next(reading)
    append(place, line(2).encode())
    assert [first.record.text, *(document.record.text for document in reading)] == ["note 0", "note 1"]


def test_a_line_that_is_half_written_is_whole_the_next_night(house: Any) -> None:
    place = house.write("a.jsonl", line(0) + line(1)[:9])
    plan = house.night()
    assert (list(house.texts(plan).values()), house.quarantine(plan)) == (["note 0"], ["a.jsonl:2: invalid JSON"])
    append(place, line(1)[9:].encode())
    plan = house.night()
    assert (list(house.texts(plan).values()), house.quarantine(plan)) == (["note 1"], [])


def test_somebody_appends_all_the_time(house: Any) -> None:
    place = house.write("a.jsonl", line(0))
    is_over = threading.Event()

    def write() -> None:
        number = 1
        while not is_over.is_set():
            append(place, line(number).encode())
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        taken = [text for _ in range(5) for text in house.texts(house.night()).values()]
    finally:
        is_over.set()
        writer.join()
    plan = house.scan()
    if plan is not None:
        house.seal(plan)
        taken += house.texts(plan).values()
    written = place.read_text().splitlines()
    assert sorted(taken) == sorted(json.loads(one)["text"] for one in written)


@pytest.mark.parametrize("change", ["rewritten", "cut"])
def test_what_was_there_may_not_change(house: Any, change: str) -> None:
    place = house.write("a.jsonl", line(0) + line(1))
    plan = house.scan()
    place.write_text(line(5) + line(1) + line(2) if change == "rewritten" else line(0))
    with pytest.raises(UpstreamError, match=r"a\.jsonl: changed while being read\. Run again"):
        house.seal(plan)
