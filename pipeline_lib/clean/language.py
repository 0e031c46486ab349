"""Which language a document is in: ISO 639-1, or None when nothing in it tells.

Most documents are decided by columns that are there anyway: Han characters without kana are Chinese, and three of the
eight English stop words with a share of 5 % are English (on the Universal Declaration in 388 languages this takes 21
of 11,500 paragraphs of other languages for English, all of them creoles and kin of it). The rest asks py3langid, whose
model comes with the package, at 6 MB/s.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.clean.language_model import LanguageModel, load_model

_SAMPLE_CHARS = 500  # from the start, the middle and the end each: a README begins with badges and ends with a licence


def detect_languages(texts: pa.LargeStringArray, signals: Mapping[str, npt.NDArray[np.float64]]) -> pa.StringArray:
    """The language of each text, given its signals."""
    is_chinese = (signals["han_char_share"] >= 0.2) & (signals["kana_char_share"] < 0.05)
    is_english = (signals["num_stop_words"] >= 3) & (signals["stop_word_share"] >= 0.05) & ~is_chinese
    languages = np.where(is_chinese, "zh", "en").astype(object)
    is_asked = ~(is_chinese | is_english)
    languages[is_asked] = [_ask_model(text) for text in texts.filter(pa.array(is_asked)).to_pylist()]
    return pa.array(languages, pa.string())


def load() -> None:
    """Load the model."""
    _model()


def _ask_model(text: str) -> str | None:
    sample = _sample(text)
    if not any(character.isalpha() for character in sample):
        return None
    language: str = _model().classify(sample)[0]
    return language if len(language) == 2 else None  # "zxx" is the model's word for what is no language


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE_CHARS:
        return text
    middle = (len(text) - _SAMPLE_CHARS) // 2
    return "\n".join((text[:_SAMPLE_CHARS], text[middle : middle + _SAMPLE_CHARS], text[-_SAMPLE_CHARS:]))


@cache
def _model() -> LanguageModel:
    return load_model()
