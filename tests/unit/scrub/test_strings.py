"""Strings in Arrow arrays, against a slow plain twin that looks at each one by itself."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.scrub.detect import find, may_hold
from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.pseudonym import replacement
from pipeline_lib.scrub.settings import KINDS, ScrubSettings
from pipeline_lib.scrub.strings import Scrubber

SCRUBBER = Scrubber(ScrubSettings(), ScrubKey(bytes(range(32))))
PIECES = [
    "jane@example.org",
    "13812345678",
    "电话 021 6418 5758",
    "夜",
    " plain ",
    "\u200b",
    "2023-03-09",
    "１３８",
    "",
]

strings = st.one_of(st.none(), st.lists(st.sampled_from(PIECES), max_size=4).map("".join))
MESSAGE = pa.struct([pa.field("role", pa.string(), nullable=False), pa.field("content", pa.large_string())])


def slow_scrub(value: Any) -> tuple[Any, list[int]]:
    """The value without personal data and how much of each kind was in it; lists, tuples and dicts by recursion."""
    if value is None:
        return None, [0] * len(KINDS)
    if isinstance(value, list | tuple | dict):
        parts = [slow_scrub(part) for part in (value.values() if isinstance(value, dict) else value)]
        counts = [sum(counts[place] for _, counts in parts) for place in range(len(KINDS))]
        plain = [part for part, _ in parts]
        return dict(zip(value, plain, strict=True)) if isinstance(value, dict) else type(value)(plain), counts
    text, hits = value.encode(), find(value.encode(), SCRUBBER.settings.phone_regions)
    for hit in reversed(hits):
        token = replacement(SCRUBBER.key, hit.kind, hit.value, "pseudonym").encode()
        text = text[: hit.start] + token + text[hit.end :]
    return text.decode(), [sum(hit.kind == kind for hit in hits) for kind in KINDS]


def check(values: list[Any], kind: pa.DataType) -> None:
    array = pa.array(values, kind)
    scrubbed, counts = SCRUBBER.scrub(array)
    slow = [slow_scrub(value) for value in values]
    assert scrubbed.type.equals(array.type)
    assert scrubbed.to_pylist() == [value for value, _ in slow]
    assert counts.tolist() == [found for _, found in slow]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@given(values=st.lists(strings, max_size=8))
def test_strings_are_scrubbed_as_one_by_one(kind: pa.DataType, values: list[str | None]) -> None:
    check(values, kind)


@given(st.lists(st.one_of(st.none(), st.lists(st.tuples(strings.filter(bool), strings), max_size=3)), max_size=5))
def test_maps_are_scrubbed_in_keys_and_items(values: list[Any]) -> None:
    check(values, pa.map_(pa.string(), pa.string()))


messages = st.fixed_dictionaries({"role": st.sampled_from(PIECES), "content": strings})


@given(st.lists(st.one_of(st.none(), st.lists(messages, max_size=3)), max_size=5))
def test_messages_are_scrubbed_in_all_their_fields(values: list[Any]) -> None:
    check(values, pa.list_(MESSAGE))


@given(st.lists(st.text(alphabet="0123456789 -.@:xX+()电话aé\u200b１－٣٤", max_size=60), max_size=6))
def test_in_a_string_without_a_seed_there_is_nothing_to_find(values: list[str]) -> None:
    seeds = may_hold(pa.array(values, pa.large_string()))
    hits = [bool(find(value.encode(), SCRUBBER.settings.phone_regions)) for value in values]
    assert not np.any(np.array(hits, np.bool_) & ~seeds)


def test_an_array_without_personal_data_is_not_copied() -> None:
    array = pa.array(["夜", None, "2023-03-09"], pa.large_string())
    assert SCRUBBER.scrub(array)[0] is array
