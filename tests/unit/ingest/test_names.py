"""No two records of a source share a name, whatever signs their files and ids are made of."""

import random
from typing import Any

import pytest

from pipeline_lib.ingest.naming import Names, escape

SIGNS = ("#", "%", "%23", "%25", "%2523", "##", "%%23", "-2", "?", "&", "+", " ", "夜", "é", "e\u0301", "a", "A", "%2f")


def test_names_that_differ_only_by_escapes_are_two_documents_and_leave_apart(house: Any) -> None:
    gone = house.write("a#b.txt", "same text")
    house.write("a%23b.txt", "same text")
    first = house.night()
    urls = {row["url"]: row["document_id"] for row in house.rows(first)}
    assert set(urls) == {"a%23b.txt", "a%2523b.txt"}
    assert len(set(urls.values())) == 2
    gone.unlink()
    assert [stone.document_id for stone in house.night().tombstones] == [urls["a%23b.txt"]]
    assert house.live_ids() == {urls["a%2523b.txt"]}


def test_files_named_by_any_two_signs_are_as_many_documents(house: Any) -> None:
    names = {f"{one}{two}.txt" for one in SIGNS for two in SIGNS if not f"{one}{two}".startswith(".")}
    for name in names:
        house.write(name, "same text")
    rows = house.rows(house.night())
    assert len({row["url"] for row in rows}) == len({row["document_id"] for row in rows}) == len(names)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_record_is_never_named_as_a_file(house: Any, sign: str) -> None:
    house.write(f"a{sign}.jsonl", '{"id": "b.txt", "text": "x"}')
    house.write(f"a{sign}.jsonl#b.txt", "x")
    house.write(f"a{sign}.jsonl%23b.txt", "x")
    assert len(house.texts(house.night())) == 3


def test_escaped_names_are_read_back_by_any_reader_of_urls() -> None:
    from urllib.parse import unquote

    names = [one + two + three for one in SIGNS for two in SIGNS for three in SIGNS]
    assert [unquote(escape(name)) for name in names] == names
    assert all("#" not in escape(name) for name in names)


def test_equal_paths_in_two_sources_are_two_documents(house: Any) -> None:
    from pipeline_lib.ingest.sources.files import FilesSource

    house.write("a.txt", "same")
    ids = []
    for name in ("one", "two"):
        other = house.elsewhere(name, other=FilesSource(name=name, path=house.root / "docs"))
        ids += [row["document_id"] for row in other.rows(other.night())]
    assert len(set(ids)) == 2


class PlainNames:
    """The same with a dictionary of strings."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def unused(self, name: str) -> str:
        self.seen[name] = self.seen.get(name, 0) + 1
        return name if self.seen[name] == 1 else self.unused(f"{name}-{self.seen[name]}")


@pytest.mark.parametrize("seed", range(5))
def test_repeats_are_numbered_as_a_plain_dictionary_numbers_them(seed: int) -> None:
    dice = random.Random(seed)
    names, plain = Names(), PlainNames()
    for _ in range(5_000):
        name = f"{dice.randrange(1_000)}" + "-2" * dice.randrange(3)
        assert names.unused(name) == plain.unused(name)


def test_ten_thousand_repeats_of_one_name_take_no_time() -> None:
    names = Names()
    assert [names.unused("a") for _ in range(10_000)][-1] == "a-10000"
