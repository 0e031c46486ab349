"""Of a changed file a plan knows the lines that are new: who reads them alone finds what one finds who reads all."""

import csv
import gzip
import io
import json
import random
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest import jsonl
from pipeline_lib.ingest.documents import reading_of
from pipeline_lib.ingest.plan import BatchPlan, FilePlan
from pipeline_lib.ingest.records import Lines
from pipeline_lib.ingest.writing import write_shard
from tests.source_nights import House

BAD_LINES = ["broken", "[]", '{"text": 1}', '{"text": "  "}', '{"id": "n", "text": "\\u0000"}', "", " "]


def random_lines(dice: random.Random) -> list[str]:
    """Records with ids and without, the same ones twice, and lines that are no records."""
    records = [
        json.dumps(
            {"text": f"text {dice.randrange(40)}", **({"id": f"r{dice.randrange(30)}"} if dice.random() < 0.7 else {})}
        )
        for _ in range(30)
    ]
    return records + dice.choices(BAD_LINES, k=dice.randrange(6))


def changed(lines: list[str], dice: random.Random) -> list[str]:
    """The same with some lines away, some new ones, and another order of a part."""
    kept = [line for line in lines if dice.random() < 0.9]
    new = [json.dumps({"id": f"new {number}", "text": f"new {number}"}) for number in range(dice.randrange(4))]
    more = [*kept, *new, *dice.sample(random_lines(dice), 3)]
    cut = dice.randrange(len(more))
    return more[cut:] + more[:cut]


def as_jsonl(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def as_csv(lines: list[str]) -> bytes:
    """The records as rows with line ends in their cells; the other lines as rows of one cell."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "text"])
    for line in lines:
        is_record = line.startswith('{"') and "text " in line
        found = json.loads(line) if is_record else {}
        writer.writerow([found.get("id", ""), f"{found['text']}\nmore"] if is_record else ["one cell"])
    return out.getvalue().encode()


def in_members(lines: list[str]) -> dict[str, bytes]:
    """The same in several files of an archive, beside one that nobody reads."""
    parts = {f"part-{at}.jsonl": as_jsonl(lines[at : at + 7]) for at in range(0, len(lines), 7)}
    return {**parts, "b.png": b"x", "c.txt": lines[0].encode()}


def as_zip(lines: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in in_members(lines).items():
            packed.writestr(name, content)
    return out.getvalue()


def as_tar(lines: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name, content in in_members(lines).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return out.getvalue()


WAYS: dict[str, Any] = {
    "a.jsonl": as_jsonl,
    "a.jsonl.gz": lambda lines: gzip.compress(as_jsonl(lines), mtime=0),
    "utf16.jsonl": lambda lines: as_jsonl(lines).decode().encode("utf-16"),
    "a.csv": as_csv,
    "a.zip": as_zip,
    "a.tar": as_tar,
    "cut.tar": lambda lines: as_tar(lines)[:-9000],
    "cut.jsonl.gz": lambda lines: gzip.compress(as_jsonl(lines), mtime=0)[:-5],
}


def contents(house: House, plan: BatchPlan, name: str, **changes: Any) -> dict[str, bytes]:
    """The files of all shards of a plan, with something else in the plans of their files."""
    reading = reading_of(house.ingest, house.source, None)
    found = {}
    for shard in plan.shards:
        folder = house.root / name / str(shard.index)
        folder.mkdir(parents=True)
        files = tuple(replace(file, **changes) for file in shard.files)
        places = {file.path: house.root / "docs" / file.path for file in files}
        write_shard(reading, replace(shard, files=files), places, folder)
        found |= {f"{shard.index}/{file.name}": file.read_bytes() for file in folder.iterdir()}
    return found


@pytest.mark.parametrize("path", WAYS)
@pytest.mark.parametrize("seed", range(6))
def test_the_lines_of_a_plan_give_what_the_whole_file_gives(house: House, path: str, seed: int) -> None:
    dice = random.Random(seed)
    lines = random_lines(dice)
    house.write(path, WAYS[path](lines))
    house.night()
    house.write(path, WAYS[path](changed(lines, dice)))
    plan = house.night()
    by_lines = contents(house, plan, "by lines")
    assert by_lines == contents(house, plan, "all", lines=None, num_passed_over=0)
    assert by_lines


def planned(house: House, before: str, after: str) -> FilePlan:
    """The plan of a file that was changed."""
    house.write("a.jsonl", before)
    house.night()
    house.write("a.jsonl", after)
    ((file,),) = [shard.files for shard in house.night().shards]
    return file


def planned_batch(house: House) -> BatchPlan:
    """The plan of the last night."""
    assert house.last is not None
    return house.last


RECORDS = [json.dumps({"id": f"r{number}", "text": f"text {number}"}) + "\n" for number in range(5)]
NEW = json.dumps({"id": "new", "text": "new"}) + "\n"


def test_a_plan_names_the_lines_of_what_is_new_and_of_what_is_bad(house: House) -> None:
    file = planned(house, "".join(RECORDS), "".join([*RECORDS[:2], NEW, "broken\n", *RECORDS[2:]]))
    assert (file.lines, file.num_passed_over) == (Lines.of((3, 4)), 5)


def test_only_those_lines_are_parsed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    whole = jsonl._parsed

    def _parsed(line: bytes, id_field: str | None) -> Any:
        parsed.append(line)
        return whole(line, id_field)

    house.write("a.jsonl", "".join(RECORDS))
    house.night()
    house.write("a.jsonl", "".join([*RECORDS, NEW]))
    plan = house.night()
    monkeypatch.setattr(jsonl, "_parsed", _parsed)
    contents(house, plan, "by lines")
    assert parsed == [NEW.rstrip("\n").encode()]


@pytest.mark.parametrize(
    "more",
    [
        json.dumps({"id": "r1", "text": "another text of that name"}) + "\n",  # its name is that of an earlier line
        NEW + NEW.replace('"text": "new"', '"text": "newer"'),
    ],
)
def test_where_a_name_depends_on_earlier_lines_all_are_read(house: House, more: str) -> None:
    file = planned(house, "".join(RECORDS), "".join([*RECORDS, more]))
    assert (file.lines, file.num_passed_over) == (None, 0)


def test_a_new_file_is_read_all_over(house: House) -> None:
    house.write("a.jsonl", "".join(RECORDS))
    ((file,),) = [shard.files for shard in house.night().shards]
    assert (file.taken, file.lines, file.num_passed_over) == (None, None, 0)


def test_lines_that_do_not_hold_what_is_planned_are_an_error(house: House) -> None:
    file = planned(house, "".join(RECORDS), "".join([*RECORDS, NEW]))
    assert file.lines == Lines.of((6,))
    with pytest.raises(DataError, match="not on the lines"):
        contents(house, planned_batch(house), "wrong", lines=Lines.of((1,)))


def test_lines_enter_no_name(house: House, tmp_path: Path) -> None:
    file = planned(house, "".join(RECORDS), "".join([*RECORDS, NEW]))
    plan = planned_batch(house)
    (shard,) = plan.shards
    all_over = replace(shard, files=(replace(file, lines=None, num_passed_over=0),))
    assert replace(plan, shards=(all_over,)).content == plan.content
