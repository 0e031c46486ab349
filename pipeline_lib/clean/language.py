"""Which language a document is in: ISO 639-1, or None when nothing in it tells, or its language has no such name.

Most documents are decided by columns that are there anyway: Han characters are Chinese, and three of the eight English
stop words with a share of 5 % are English. py3langid's model, which comes with the package, is asked for the rest. What
these three take for what it is not is looked at once more: Chinese that may be Japanese (language_han.py), and English
that may be Scots or a creole (language_words.py).

All of it reads samples (language_sample.py), in kernels; but what is called into doubt by its sample is read in full.
"""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.language_han import is_japanese
from pipeline_lib.clean.language_kernel import NO_FEATURE
from pipeline_lib.clean.language_letters import LETTER, look, readable
from pipeline_lib.clean.language_model import LanguageModel, load_model
from pipeline_lib.clean.language_sample import sampled
from pipeline_lib.clean.language_words import is_relative

Flags = npt.NDArray[np.bool_]


def detect_languages(texts: pa.LargeStringArray, signals: Mapping[str, npt.NDArray[np.float64]]) -> pa.StringArray:
    """The language of each text, given its signals."""
    samples = sampled(texts)
    is_han = (signals["han_char_share"] >= 0.2) & (signals["kana_char_share"] < 0.05)
    has_stop_words = (signals["num_stop_words"] >= 3) & (signals["stop_word_share"] >= 0.05) & ~is_han
    languages = _set(_by_model(samples, ~(is_han | has_stop_words)), has_stop_words, "en")
    languages = _set(_set(languages, is_han, "zh"), _in_doubt(is_japanese, texts, samples, is_han), "ja")
    is_english = np.array(pc.equal(languages, "en").fill_null(False))
    return _set(languages, _in_doubt(is_relative, texts, samples, is_english), None)


def load() -> None:
    """Load the model, and compile what asks it."""
    texts = pa.array(["法", "the", "Wald"], pa.large_string())
    columns = "han_char_share", "kana_char_share", "num_stop_words", "stop_word_share"
    detect_languages(texts, dict(zip(columns, np.array([[1, 0, 0], [0, 0, 0], [0, 3, 0], [0, 1, 0]]), strict=True)))


def _set(languages: pa.StringArray, are_chosen: Flags, language: str | None) -> pa.StringArray:
    return pc.if_else(pa.array(are_chosen), pa.scalar(language, pa.string()), languages)


def _in_doubt(
    is_other: Callable[[pa.LargeStringArray], Flags],
    texts: pa.LargeStringArray,
    samples: pa.LargeStringArray,
    are_asked: Flags,
) -> Flags:
    """Which of those that are asked about are the other, first by their samples, then as a whole."""
    found = are_asked
    for read in (samples, texts):
        places = np.flatnonzero(found)
        found = np.zeros(len(texts), np.bool_)
        if len(places):
            found[places] = is_other(read if len(places) == len(read) else read.take(pa.array(places)))
    return found


def _by_model(samples: pa.LargeStringArray, are_asked: Flags) -> pa.StringArray:
    """What the model says of those that are asked about; null where it says nothing, and of all others."""
    places = np.flatnonzero(are_asked)
    if not len(places):
        return pa.nulls(len(samples), pa.string())
    asked = samples.take(pa.array(places))
    letters = look(asked)
    labels = np.full(len(samples), NO_FEATURE)
    labels[places] = np.where(letters & LETTER > 0, _model().classify(readable(asked, letters)), NO_FEATURE)
    names = [name if len(name) == 2 else None for name in _model().languages]
    return pa.array(names, pa.string()).take(pa.array(labels, mask=labels == NO_FEATURE))


@cache
def _model() -> LanguageModel:
    return load_model()
