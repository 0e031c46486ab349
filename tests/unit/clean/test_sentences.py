"""Sentences by their signs, and how far spaCy's sentencizer says the same of real text."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.sentences import sentences_of
from pipeline_lib.clean.terms import sentencizer
from tests.texts_of_others import DATA, needs_texts_of_others

ROOT = Path(__file__).parents[3]
LAWS = ROOT / "tests" / "assets" / "laws_zh.jsonl.zst"
NUM_TEXTS, MOST_CHARS = 60, 4_000
AGREED = {"en": 0.95, "zh": 0.98}  # F1 of the places where a sentence begins


def _sentences(text: str) -> list[str]:
    found: list[str] = sentences_of(pa.array(["Before. ", text, "Behind."], pa.large_string())[1:2]).to_pylist()[0]
    return found


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("\n", ["\n"]),
        ("no sign", ["no sign"]),
        ("The ship came back. Nobody saw it.", ["The ship came back. ", "Nobody saw it."]),
        ("The ship came back.\n\n  Nobody saw it.\n", ["The ship came back.\n\n  ", "Nobody saw it.\n"]),
        ("A heading\n\nThe ship came back.", ["A heading\n\nThe ship came back."]),
        (
            "The ship that was lost\ncame back late. It is here",
            ["The ship that was lost\ncame back late. ", "It is here"],
        ),
        ("See Fig. 3 and e.g. the ship.", ["See Fig. 3 and e.g. the ship."]),
        ("夜里没有人。机器读完了！\n大家睡了吗？好", ["夜里没有人。", "机器读完了！\n", "大家睡了吗？", "好"]),
        ("रात हुई। सब सोए।", ["रात हुई। ", "सब सोए।"]),
    ],
)
def test_a_sentence_ends_with_its_sign_and_the_blanks_behind_it(text: str, sentences: list[str]) -> None:
    assert _sentences(text) == sentences


PIECES = ("The ship came back", "夜里没有人", "Mr", " ", "\n", "\n\n", ". ", "。", "!", "”", "a", "1", "\t", "é", "😀")


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=5))
@settings(deadline=None)  # the first call compiles
def test_together_they_are_the_text_and_none_is_empty(texts: list[str]) -> None:
    found = sentences_of(pa.array(texts, pa.large_string())).to_pylist()
    assert ["".join(own) for own in found] == texts
    assert all(sentence for own in found for sentence in own)


def _prose() -> Iterator[str]:
    """Paragraphs of our own pages: English on every machine."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        blocks = path.read_text(encoding="utf-8").split("\n\n")
        yield from (block.replace("\n", " ") for block in blocks if block[:1].isalpha() and "  " not in block)


def _texts_in(*paths: Path) -> Iterator[str]:
    for path in paths:
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            rows = (json.loads(line) for line in itertools.islice(file, NUM_TEXTS))
            yield from ((row.get("text") or row["context_text"])[:MOST_CHARS] for row in rows)


def _agreement(texts: Sequence[str], language: str) -> float:
    """F1 of the first letters of sentences, line by line: where a bracket belongs to is no matter."""
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    pipeline = sentencizer(language)
    ours, theirs = set[tuple[int, int]](), set[tuple[int, int]]()
    for number, (line, own) in enumerate(
        zip(lines, sentences_of(pa.array(lines, pa.large_string())).to_pylist(), strict=True)
    ):
        starts = itertools.accumulate(map(len, own), initial=0)
        ours.update((number, place) for place in _first_letters(line, list(starts)))
        theirs.update(
            (number, place) for place in _first_letters(line, [one.start_char for one in pipeline(line).sents])
        )
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


def _first_letters(line: str, starts: Sequence[int]) -> Iterator[int]:
    """The first letter or digit behind each place; not of the line itself, where both begin."""
    for start in starts:
        if start:
            yield from itertools.islice((place for place in range(start, len(line)) if line[place].isalnum()), 1)


def test_spacy_agrees_on_our_own_pages_and_on_laws() -> None:
    assert _agreement(list(_prose()), "en") >= AGREED["en"]
    assert _agreement(list(_texts_in(LAWS)), "zh") >= AGREED["zh"]


ENGLISH = ("text_en_nltk/state_union", "text_en_nltk/inaugural", "text_en_dolma_cc/cc_en_head-0091")
CHINESE = ("text_zh_cmrc2018/cmrc_dev_half", "text_zh_cmrc2018/cmrc_trial", "text_zh_laws/laws")


@needs_texts_of_others("spaCy is compared with on our own pages and on the laws in tests/assets")
@pytest.mark.parametrize(("language", "names"), [("en", ENGLISH), ("zh", CHINESE)])
def test_spacy_agrees_on_speeches_web_pages_encyclopedias_and_laws(language: str, names: Sequence[str]) -> None:
    texts = list(_texts_in(*(DATA / f"{name}.jsonl.zst" for name in names)))
    assert len(texts) > 100
    assert _agreement(texts, language) >= AGREED[language]


def test_how_many_there_are_is_what_spacy_counts_to_a_few_percent() -> None:
    texts = list(_texts_in(LAWS))
    ours = pc.sum(pc.list_value_length(sentences_of(pa.array(texts, pa.large_string())))).as_py()
    theirs = sum(sum(1 for _ in doc.sents) for doc in sentencizer("zh").pipe(texts))
    assert abs(ours / theirs - 1) < 0.05
