"""The compiled model against py3langid itself, on a seeded spread of scripts and on odd texts."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from py3langid.langid import MODEL_FILE, RAW_FLOOR, LanguageIdentifier

from pipeline_lib.clean.language_letters import look, readable
from pipeline_lib.clean.language_model import LanguageModel, load_model
from tests.bench.languages import paragraphs
from tests.texts_of_others import DATA, needs_texts_of_others

BLOCKS = (
    (0x20, 0x7E), (0x61, 0x7A), (0xA0, 0x24F), (0x250, 0x2AF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF),
    (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0x980, 0x9FF), (0xE00, 0xE7F), (0xE80, 0xEFF),
    (0xF00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF),
    (0x1780, 0x17FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x1F300, 0x1F6FF), (0x20000, 0x2A6DF), (0xE0000, 0xE007F), (0, 0x1F),
)  # fmt: skip
ODD = (
    "", "\0", " ", "\n", "a", "é", "法", "😀", "\U0010ffff", "\ufffe", "12 + 30", "%%%", "A", "ÀÉ", "\u0301", "e\u0301",
    "a" * 100_000, "法" * 100_000, "the " * 50_000, "x" * 1_000_000, "ABC " * 400, "\U0001f600" * 3000,
)  # fmt: skip
SENTENCES = (
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "سب انسان آزاد پیدا ہوئے ہیں۔ सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता",
    "Sva ljudska bića rađaju se slobodna i jednaka. Сва људска бића рађају се слободна и једнака.",
    "DET ER LOV Å SKRIVE MED STORE BOKSTAVER. ΟΛΟΙ ΟΙ ΑΝΘΡΩΠΟΙ ΓΕΝΝΙΟΥΝΤΑΙ ΕΛΕΥΘΕΡΟΙ",
)


@cache
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE)


@cache
def model() -> LanguageModel:
    return load_model()


def labels_of(texts: list[str]) -> list[str | None]:
    column = pa.array(texts, pa.large_string())
    found = model().classify(readable(column, look(column)))
    return [model().languages[label] if label >= 0 else None for label in found.tolist()]


def are_equal(texts: list[str]) -> None:
    """Sums of floats in another order may part languages that are equal to the sixth digit, and no others."""
    for text, label in zip(texts, labels_of(texts), strict=True):
        ranked = identifier().rank(text)
        (best, highest) = ranked[0]
        if label is None:
            assert highest == pytest.approx(RAW_FLOOR), f"{text[:20]!r}: nothing was told, py3langid says {best}"
        elif label != best:
            assert dict(ranked)[label] == pytest.approx(highest, rel=1e-6), f"{text[:20]!r}: {label}, not {best}"


def spread(seed: int) -> Iterator[str]:
    """Runs of characters of a few blocks, parts of sentences, and both mixed; from one character to a few thousand."""
    dice = random.Random(seed)
    for _ in range(60):
        size = round(3000 ** dice.random())
        blocks = dice.sample(BLOCKS, dice.randint(1, 3))
        noise = "".join(chr(dice.randint(*dice.choice(blocks))) for _ in range(size))
        sentence = " ".join(dice.choices(" ".join(dice.sample(SENTENCES, 2)).split(), k=max(size // 6, 1)))
        yield dice.choice((noise, sentence, f"{sentence} {noise[: size // 8]}", sentence.upper()))


@pytest.mark.parametrize("seed", range(10))
def test_the_model_says_what_py3langid_says(seed: int) -> None:
    are_equal(list(spread(seed)))


def test_the_model_says_what_py3langid_says_of_odd_texts() -> None:
    are_equal(list(ODD))


def test_each_text_is_judged_by_itself() -> None:
    texts = [text for seed in range(2) for text in spread(seed)]
    assert labels_of(texts) == [label for text in texts for label in labels_of([text])]


def with_scores(scores: dict[int, float]) -> LanguageModel:
    """The model with these scores by column, 0 for all others, whatever a text holds."""
    whole = model()
    priors = np.zeros_like(whole.priors)
    priors[list(scores)] = list(scores.values())
    return replace(whole, priors=priors, weights=np.zeros_like(whole.weights))


@pytest.mark.parametrize(("scores", "best"), [({}, 0), ({5: 1.0, 7: 1.0}, 5), ({5: -1.0, 7: 1.0, 8: 0.5}, 7)])
def test_of_equal_scores_the_first_language_counts(scores: dict[int, float], best: int) -> None:
    assert with_scores(scores).classify(pa.array([SENTENCES[0]], pa.large_string())).tolist() == [best]


def test_a_name_that_stands_twice_is_told_by_its_first_column() -> None:
    names = model().languages
    twice = {name: len(names) - 1 - names[::-1].index(name) for name in names if names.count(name) > 1}
    text = pa.array([SENTENCES[0]], pa.large_string())
    found = {name: with_scores({last: 1.0}).classify(text).tolist() for name, last in twice.items()}
    assert found == {name: [names.index(name)] for name in twice}
    assert twice


def test_no_texts_have_no_languages() -> None:
    assert model().classify(pa.array([], pa.large_string())).tolist() == []


@needs_texts_of_others("a seeded spread of scripts is held")
def test_every_tenth_paragraph_of_387_languages_is_told_as_py3langid_tells_it() -> None:
    are_equal([text for _, text in paragraphs(DATA)][::10])
