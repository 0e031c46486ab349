"""What lies behind the bytes of a landed object, and which names are paths."""

import io
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.ingest import extent
from pipeline_lib.ingest.documents import Reading
from pipeline_lib.ingest.extent import num_parts_of
from pipeline_lib.ingest.objects.fetching import Asked, fetched_place
from pipeline_lib.ingest.objects.kept import Kept, place_in, read_kept, write_kept
from pipeline_lib.ingest.objects.landed import LandedObjects
from pipeline_lib.ingest.objects.landing import _is_path, land_objects
from pipeline_lib.ingest.objects.remote import RemoteFile
from pipeline_lib.ingest.objects.told import read_told, write_told
from pipeline_lib.ingest.plan import FilePlan
from pipeline_lib.ingest.records import FileSource, Limits, Unreadable
from pipeline_lib.ingest.sources.files import FilesSource
from tests.large_files import with_tiny_bounds
from tests.unit.ingest.test_split import FORMATS, records


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 100, b'{"a": 1}', bytes(range(256)) * 9])
@pytest.mark.parametrize("told", [{}, {"licence": "CC0-1.0"}, {"a": "夜" * 1000, "b": ""}])
def test_what_is_told_of_an_object_stands_behind_its_bytes(
    tmp_path: Path, content: bytes, told: dict[str, str]
) -> None:
    place = tmp_path / "object"
    place.write_bytes(content)
    write_told(place, told)
    whole = place.read_bytes()
    assert read_told(io.BytesIO(whole), len(whole)) == (told, len(content))


@pytest.mark.parametrize("whole", [b"", b"short", b"x" * 100 + b"\0" * 8, b"x" * 8 + (1 << 40).to_bytes(8, "big")])
def test_a_file_without_it_is_not_as_it_landed(whole: bytes) -> None:
    with pytest.raises(Unreadable, match="not as it landed"):
        read_told(io.BytesIO(whole), len(whole))


@pytest.mark.parametrize("text", [b"5", b'"ab"', b"[1]", b"{a}", b"\xff", b'{"a":1}', b"[" * 9_999, b"9" * 9_999])
def test_bytes_that_only_look_like_it_are_not_as_it_landed(text: bytes) -> None:
    whole = b"x" * 100 + text + len(text).to_bytes(8, "big")
    with pytest.raises(Unreadable, match="not as it landed"):
        read_told(io.BytesIO(whole), len(whole))


def parts_of(read: FileSource, place: Path, name: str) -> int:
    """How many parts a plan makes of it."""
    reading = Reading("x", read, Limits(10 << 20, 100), "digest")
    return num_parts_of(reading, FilePlan(name, "digest", place.stat().st_size), place)


@pytest.mark.parametrize("name", FORMATS)
def test_an_object_is_as_many_parts_as_the_same_file(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    with_tiny_bounds(monkeypatch)
    chance = random.Random(name)
    place, source = tmp_path / name, FilesSource(name="x", path=tmp_path)
    place.write_bytes(FORMATS[name](chance, records(chance, 400)))
    expected = parts_of(source, place, name)
    write_told(place, {"repository": "a/b", "licence": "x" * 999})
    assert parts_of(LandedObjects(tmp_path, source.read), place, name) == expected > 1


def test_what_lies_at_the_end_of_a_head_is_no_length(tmp_path: Path, monkeypatch: Any) -> None:
    with_tiny_bounds(monkeypatch)
    monkeypatch.setattr(extent, "HEAD_BYTES", 700)
    lines = b'{"text": "night shift"}\n' * 600
    place, source = tmp_path / "a.jsonl", FilesSource(name="x", path=tmp_path)
    place.write_bytes(lines[: 700 - 8] + (5).to_bytes(8, "big") + lines[700:])
    expected = parts_of(source, place, "a.jsonl")
    write_told(place, {})
    assert parts_of(LandedObjects(tmp_path, source.read), place, "a.jsonl") == expected > 1


def test_of_a_file_that_is_none_that_landed_one_part_is_made(tmp_path: Path, monkeypatch: Any) -> None:
    with_tiny_bounds(monkeypatch)
    place = tmp_path / "a.jsonl"
    place.write_bytes(b'{"text": "night shift"}\n' * 600)
    assert parts_of(LandedObjects(tmp_path, FilesSource(name="x", path=tmp_path).read), place, "a.jsonl") == 1


def test_the_list_of_what_landed_comes_back_and_is_the_same_bytes(tmp_path: Path) -> None:
    kept = [Kept("a#b%.txt", "1", 3, {"licence": "x"}, "0" * 32), Kept("夜/\n.txt", "", 0, {}, "1" * 32)]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_kept(kept, tmp_path / name)
    assert list(read_kept(tmp_path / "one").values()) == kept
    assert len({(tmp_path / name / "objects.jsonl.gz").read_bytes() for name in ("one", "two")}) == 1


def test_no_name_of_an_object_leads_out_of_its_landing(tmp_path: Path) -> None:
    places = {place_in(tmp_path, name) for name in ("a", "../a", "/a", "a/../../b", "\0", "x" * 5000)}
    assert len(places) == 6
    assert all(place.parent.parent == tmp_path / "objects" for place in places)


class Shelf:
    """A store with one object, which is given from where it was left off."""

    told: Mapping[str, str] = {"licence": "CC0-1.0"}
    facts: Mapping[str, str] = {}
    is_whole = True
    content = b"0123456789"

    def files(self) -> Iterator[RemoteFile]:
        yield RemoteFile("a.txt", len(self.content), "1")

    def fetch(self, file: RemoteFile, target: Path) -> None:
        with target.open("ab") as out:
            out.write(self.content[out.tell() :])


@pytest.mark.parametrize("left", [0, 4, 10, 11, 33, 500])
def test_a_kill_at_any_byte_of_an_object_leaves_the_same_file(tmp_path: Path, left: int) -> None:
    """What is told stands behind the bytes, and is there once, also where the kill came while it was written."""
    found = set()
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        asked = Asked("docs", "", lambda _name: "", 1, None, folder / "work", folder)
        (file,) = Shelf().files()
        part = fetched_place(asked, Shelf(), file).with_suffix(".part")
        part.parent.mkdir()
        part.write_bytes((Shelf.content + b'{"licence":"CC0-1.0"}' * 30)[:left] if name == "killed" else b"")
        land_objects(Shelf(), asked, 1.0)
        found.add(place_in(folder, "a.txt").read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("name", ["a", "a/b.txt", "夜 #%.txt", "a.b/..c", "..a", "a\\b", "a b/ c"])
def test_what_a_file_could_be_called_is_a_path(name: str) -> None:
    assert _is_path(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/a", "//a", "a//b", "a/", "./a", "../a", "a/../b", "a/.", "a\0b", "\ud800"]
)
def test_what_none_could_be_called_is_not(name: str) -> None:
    assert not _is_path(name)
