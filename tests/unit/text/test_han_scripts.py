"""Which script Chinese is written in."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.clean.language_sample import buffers_of
from pipeline_lib.text.han_scripts import MIXED, NEITHER, SIMPLIFIED, TRADITIONAL, scripts_of


def script_of(*texts: str) -> list[int]:
    return scripts_of(*buffers_of(pa.array(texts, pa.large_string()))).tolist()


@pytest.mark.parametrize(
    ("script", "texts"),
    [
        (SIMPLIFIED, ["发展", "学习 machine learning 很有趣", "头发在后面", "我们"]),
        (TRADITIONAL, ["發展", "學習 machine learning 很有趣", "頭髮在後面", "我們", "發展，" * 9 + "门"]),
        (MIXED, ["学習", "发展發展", "我们和我們"]),
        (NEITHER, ["", "中文", "皇后", "干里", "English", "かな", "\U00020000\U0010ffff", "!?"]),
    ],
)
def test_a_text_is_in_the_script_of_the_characters_that_tell_one(script: int, texts: list[str]) -> None:
    assert script_of(*texts) == [script] * len(texts)


def test_one_in_ten_of_the_other_script_is_a_quotation_and_more_are_both() -> None:
    assert script_of("们" * 9 + "們", "们" * 8 + "們", "們" * 9 + "们") == [SIMPLIFIED, MIXED, TRADITIONAL]


def test_a_slice_of_a_column_and_no_text_are_read_as_they_are() -> None:
    column = pa.array(["發", "发", "們"], pa.large_string())
    assert scripts_of(*buffers_of(column.slice(1))).tolist() == [SIMPLIFIED, TRADITIONAL]
    assert np.array_equal(scripts_of(*buffers_of(column.slice(3))), np.zeros(0, np.int64))
