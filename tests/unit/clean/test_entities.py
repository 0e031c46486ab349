"""What spaCy counts, in English and in Chinese."""

import pyarrow as pa

from pipeline_lib.clean.entities import Reading, holds_a_term, read
from pipeline_lib.clean.settings import EntityRule

RULES = (
    EntityRule(label="TERM", terms=("neural network", "神经网络")),
    EntityRule(label="NOTICE", terms=("All rights reserved", "版权所有")),
)


def test_terms_are_counted_by_label_in_any_case() -> None:
    text = "A Neural Network learns. The neural network is small. ALL RIGHTS RESERVED. Networks are neural."
    [reading] = read([text], ["en"], [True], RULES)
    assert reading == Reading({"TERM": 2, "NOTICE": 1}, 4)


def test_chinese_terms_and_sentences_are_counted() -> None:
    [reading] = read(["神经网络很小。它学得快！真的吗？是；版权所有"], ["zh"], [True], RULES)
    assert reading == Reading({"TERM": 1, "NOTICE": 1}, 5)


def test_only_wanted_texts_are_read_and_keep_their_places() -> None:
    readings = read(["one. two.", "一。二。三。", "x"], ["en", "zh", None], [True, True, False], RULES)
    assert readings == [Reading({}, 2), Reading({}, 3), None]


def test_a_text_without_terms_need_not_be_read() -> None:
    texts = pa.array(["a NEURAL NETWORK", "神经网络", "a network", ""], pa.large_string())
    assert holds_a_term(texts, RULES).tolist() == [True, True, False, False]
    assert holds_a_term(texts, ()).tolist() == [False] * 4


def test_signs_in_terms_are_taken_literally() -> None:
    rule = EntityRule(label="X", terms=("c++ (11)",))
    assert holds_a_term(pa.array(["C++ (11)", "ccc 11"], pa.large_string()), [rule]).tolist() == [True, False]
