"""The names that are nearest to one that was typed: those that difflib finds, sooner."""

import difflib
import random
import time

import pyarrow as pa
import pytest

from pipeline_lib.past.nearest import nearest, num_shared

WORDS = ("linalg", "solve", "trace", "read", "café", "数据", "a", "", "norm", "x_y")


def _names(seed: int, number: int) -> list[str]:
    dice = random.Random(seed)
    return ["/".join(dice.choices(WORDS, k=dice.randint(0, 4))) + f"#{dice.randint(0, number)}" for _ in range(number)]


@pytest.mark.parametrize("seed", range(5))
def test_shared_groups_are_those_of_each_text_alone(seed: int) -> None:
    dice = random.Random(seed)
    texts = [*_names(seed, 50), "", "a", "ab", "", "abc"]
    dice.shuffle(texts)
    for key in ("linalg/solve#1", "数据/norm", "abc"):
        groups = {key.encode()[at : at + 3] for at in range(len(key.encode()) - 2)}
        expected = [sum(t.encode()[at : at + 3] in groups for at in range(len(t.encode()) - 2)) for t in texts]
        assert num_shared(pa.array(texts, pa.string()), key.encode()).tolist() == expected


def test_what_two_texts_make_together_is_in_neither() -> None:
    texts = pa.array(["xa", "bc", "", "ab", "c", "", "", "abc"], pa.string())
    assert num_shared(texts, b"abc").tolist() == [0] * 7 + [1]


def test_a_short_name_is_looked_for_as_it_is() -> None:
    assert num_shared(pa.array(["a#b", "b", ""], pa.string()), b"b").tolist() == [1, 1, 0]
    assert nearest(pa.chunked_array([["a#b", "ccc"]]), "B", 5) == ["a#b"]


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_of_few_are_those_that_difflib_finds_among_all(seed: int) -> None:
    names = sorted(set(_names(seed, 200)))
    for typed in ("linalg/sovle#17", "数据/trace/#9", "norm/read/x_y#100"):
        found = nearest(pa.chunked_array([names[:90], names[90:]]), typed, 5)
        ratios = {name: difflib.SequenceMatcher(None, name, typed, False).ratio() for name in names}
        plain = sorted((name for name in names if ratios[name] >= 0.6), key=lambda name: (-ratios[name], name))[:5]
        assert plain
        assert found[: len(plain)] == plain


def test_a_part_of_a_long_name_is_enough_and_nothing_is_near_to_nonsense() -> None:
    names = pa.chunked_array([["numpy/linalg/_linalg.py#solve", "numpy/ma/README.rst", "numpy/linalg/_linalg.py#inv"]])
    assert nearest(names, "linalg.solve", 1) == ["numpy/linalg/_linalg.py#solve"]
    assert nearest(names, "numpy/linalg.py#solve", 1) == ["numpy/linalg/_linalg.py#solve"]
    assert nearest(names, "zzzzzzzz", 5) == []
    assert nearest(names, "q" * 10_000, 5) == []
    assert nearest(pa.chunked_array([], pa.string()), "solve", 5) == []


def test_a_hundred_thousand_names_are_looked_through_in_seconds() -> None:
    """A tenth of one on a quiet machine; difflib alone takes half a minute."""
    names = [f"package{n % 97}/module_{n % 1009}/file_{n % 13}.py#solve_{n}" for n in range(100_000)]
    chunked = pa.chunked_array([names[:50_000], names[50_000:]])
    started = time.monotonic()
    assert nearest(chunked, names[70_001].replace("solve", "slove"), 1) == [names[70_001]]
    assert time.monotonic() - started < 5
