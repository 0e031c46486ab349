"""What is read of a document: the compiled way against a slow plain twin."""

import random

import pyarrow as pa
import pytest

from pipeline_lib.clean.language_sample import SAMPLE_CHARS, buffers_of, sampled

LETTERS = ("a", "é", "法", "😀")  # of one to four bytes


def twin(text: str) -> str:
    if len(text) <= 3 * SAMPLE_CHARS:
        return text
    middle = (len(text) - SAMPLE_CHARS) // 2
    return "\n".join((text[:SAMPLE_CHARS], text[middle : middle + SAMPLE_CHARS], text[-SAMPLE_CHARS:]))


def samples_of(*texts: str) -> list[str]:
    samples = sampled(pa.array(texts, pa.large_string()))
    samples.validate(full=True)
    found: list[str] = samples.to_pylist()
    return found


@pytest.mark.parametrize("length", [0, 1, 499, 500, 501, 1499, 1500, 1501, 1502, 1503, 2999, 3000, 50_000])
def test_a_sample_is_start_middle_and_end_of_a_text_that_is_longer(length: int) -> None:
    dice = random.Random(length)
    texts = ["".join(dice.choices(LETTERS, k=length)), "a" * length, "😀" * length, "\n" * length]
    assert samples_of(*texts) == [twin(text) for text in texts]


def test_no_sample_is_longer_than_three_pieces_and_what_parts_them() -> None:
    assert [len(sample.encode()) for sample in samples_of("😀" * 100_000, "a" * 1501)] == [6002, 1502]


def test_no_texts_give_no_samples() -> None:
    assert samples_of() == []
    assert samples_of("", "", "") == ["", "", ""]


def test_a_slice_of_a_column_is_read_from_where_it_begins() -> None:
    texts = pa.array(["before", "法律", "", "x" * 2000, "behind"], pa.large_string())
    assert sampled(texts[1:4]).to_pylist() == ["法律", "", twin("x" * 2000)]
    data, offsets = buffers_of(texts[1:4])
    assert bytes(data[offsets[0] : offsets[1]]).decode() == "法律"
