"""Terms counted by one pass are those that spaCy's EntityRuler finds."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.plain_terms import PlainTerms
from pipeline_lib.clean.settings import EntityRule
from pipeline_lib.clean.terms import read
from tests.texts_of_others import DATA, needs_texts_of_others

ROOT = Path(__file__).parents[3]
LAWS = ROOT / "tests" / "assets" / "laws_zh.jsonl.zst"
RULES = (  # of one list, and of several, over each other, one in two rules, in two cases, with odd blanks
    EntityRule(label="A", terms=("neural network", "Neural Network", "network", "神经网络", "data set")),
    EntityRule(label="B", terms=("neural", "network model", "网络模型", "模型", "dataset", "can not", "learning")),
    EntityRule(label="C", terms=("deep  learning", "learning", "café", "ΣΑΣ", " 网络", "all rights")),
)
PIECES = (
    "neural", "network", "neural network", "Neural", "NETWORK", "model", "data", "set", "data set", "dataset", "cannot",
    "can not", "deep", "learning", "café", "CAFÉ", "σας", "σασ", "ΣΑΣ", "yall", "all rights", "rights", "神经", "网络",
    "模型", " ", " ", " ", "  ", "\n", "\t", "-", "/", ".", ",", "'s", "(", ")", "。", "，", "ſ", "2", "\u3000",
)  # fmt: skip


def _by_spacy(text: str, language: str) -> list[int]:
    [reading] = read([text], language, RULES, sentences=False)
    return [reading.num_by_label.get(rule.label, 0) for rule in RULES]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(["en", "zh"]))
def test_what_is_counted_is_what_spacy_counts(text: str, language: str) -> None:
    counted = PlainTerms.of(RULES, language).count(pa.array([text], pa.large_string()))
    numbers = counted.numbers[:, 0].tolist()
    is_written = any(term.casefold() in text.casefold() for rule in RULES for term in rule.terms)
    if not counted.are_left[0] and is_written:
        assert numbers == _by_spacy(text, language)
    else:
        assert numbers == [0, 0, 0]


@pytest.mark.parametrize(
    ("text", "language", "numbers"),
    [
        ("A neural network, a Neural Network and networks.", "en", [2, 0]),
        ("neural network models, network model, neural", "en", [1, 2]),
        ("用神经网络模型，网络 模型", "zh", [1, 2]),  # the longer one wins, else the first
        ("a neural\nnetwork", "en", [1, 1]),
        ("mineural networker", "zh", [1, 0]),  # each letter is a token
        ("neural network " * 1_000, "en", [1_000, 0]),
    ],
)
def test_the_longest_term_counts_where_several_stand(text: str, language: str, numbers: list[int]) -> None:
    counted = PlainTerms.of(RULES[:2], language).count(pa.array(["", text], pa.large_string()))
    assert counted.numbers.tolist() == [[0, number] for number in numbers]
    assert counted.are_left.tolist() == [False, False]


def test_many_terms_give_what_the_few_of_them_that_are_there_give() -> None:
    many = EntityRule(label="A", terms=("neural network", *(f"neural network {n:05d}x" for n in range(5_000))))
    texts = pa.array(["The neural network.", "no term", "neural network 00007x"], pa.large_string())
    assert PlainTerms.of((many,), "zh").count(texts).numbers.tolist() == [[1, 0, 1]]


def _texts(path: Path) -> Iterator[str]:
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        rows = (json.loads(line) for line in itertools.islice(file, 60))
        yield from ((row.get("text") or row["context_text"])[:4_000] for row in rows)


def _frequent(texts: Sequence[str], pattern: str) -> tuple[EntityRule, ...]:
    """The most frequent words and pairs of them, in two rules."""
    found = Counter(match.lower() for text in texts for match in re.findall(pattern, text))
    terms = [term for term, _ in found.most_common(120) if len(term) > 1]
    return tuple(EntityRule(label=f"R{k}", terms=tuple(terms[k::2])) for k in range(2))


def _compare(texts: Sequence[str], language: str, pattern: str, most_left: float) -> None:
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    rules = _frequent(lines, pattern)
    counted = PlainTerms.of(rules, language).count(pa.array(lines, pa.large_string()))
    readings = read(lines, language, rules, sentences=False)
    expected = np.array([[reading.num_by_label.get(rule.label, 0) for reading in readings] for rule in rules])
    are_told = ~counted.are_left & (counted.numbers.sum(0) > 0)
    assert (counted.numbers[:, are_told] == expected[:, are_told]).all()
    assert expected[:, are_told].sum() > 200
    assert counted.are_left.mean() <= most_left


ENGLISH_PAIRS, HAN_PAIRS = r"(?=\b([A-Za-z]+ [a-z]{3,})\b)", r"(?=([\u4e00-\u9fff]{2}))"


def test_on_real_text_spacy_counts_the_same() -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))]
    _compare(pages, "en", ENGLISH_PAIRS, 0.1)
    _compare(list(_texts(LAWS)), "zh", HAN_PAIRS, 0)


@needs_texts_of_others("the same holds on our own pages and on the laws in tests/assets")
@pytest.mark.parametrize(
    ("name", "language", "pattern"),
    [
        ("text_en_nltk/state_union", "en", ENGLISH_PAIRS),
        ("text_en_dolma_cc/cc_en_head-0091", "en", ENGLISH_PAIRS),
        ("text_zh_cmrc2018/cmrc_dev_half", "zh", HAN_PAIRS),
    ],
)
def test_on_text_of_others_spacy_counts_the_same(name: str, language: str, pattern: str) -> None:
    _compare(list(_texts(DATA / f"{name}.jsonl.zst")), language, pattern, 0.1)
