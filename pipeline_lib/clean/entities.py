"""What spaCy does here: counts of terms (EntityRuler) and of sentences (sentencizer), in Chinese and in English.

The pipelines are blank ones, so no model is needed; the Chinese one takes each character as a token. spaCy's tokenizer
runs at 1.3 MB/s on English, which is a hundredth of the speed of the signals: so it reads only documents that hold a
term at all, which RE2 finds out first, unless sentences are asked for.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.base.imports import import_without
from pipeline_lib.clean.settings import EntityRule

if TYPE_CHECKING:
    from spacy.language import Language

_CHINESE_SENTENCE_ENDS = ["。", "！", "？", "；", "!", "?"]
_ENGLISH_SENTENCE_ENDS = [".", "!", "?", "。", "！", "？"]


@dataclass(frozen=True)
class Reading:
    """What spaCy found in one document: matches by label, and sentences."""

    num_by_label: Mapping[str, int] = field(default_factory=dict)
    num_sentences: int = 0


def holds_a_term(texts: pa.LargeStringArray, rules: Sequence[EntityRule]) -> npt.NDArray[np.bool_]:
    """For each text, whether one of the terms stands in it, in any case of letters."""
    terms = sorted({term for rule in rules for term in rule.terms})
    if not terms:
        return np.zeros(len(texts), np.bool_)
    pattern = "(?i)" + "|".join(re.escape(term) for term in terms)
    return np.array(pc.match_substring_regex(texts, pattern).to_pylist(), np.bool_)


def read(
    texts: Sequence[str], languages: Sequence[str | None], is_wanted: Sequence[bool], rules: tuple[EntityRule, ...]
) -> list[Reading | None]:
    """Read the wanted texts, each in the pipeline of its language; None for the others."""
    readings: list[Reading | None] = [None] * len(texts)
    for name in ("zh", "en"):
        chosen = [i for i, wanted in enumerate(is_wanted) if wanted and (languages[i] == "zh") == (name == "zh")]
        for i, reading in zip(chosen, _read([texts[i] for i in chosen], name, rules), strict=True):
            readings[i] = reading
    return readings


def load(rules: tuple[EntityRule, ...]) -> None:
    """Load the pipelines of these rules, if there are any."""
    for name in ("zh", "en") if rules else ():
        _pipeline(name, rules)


def _read(texts: Sequence[str], language: str, rules: tuple[EntityRule, ...]) -> list[Reading]:
    if not texts:
        return []
    pipeline = _pipeline(language, rules)
    with pipeline.memory_zone():  # else the vocabulary grows with every document of a long-lived process
        return [
            Reading(Counter(entity.label_ for entity in doc.ents), sum(1 for _ in doc.sents))
            for doc in pipeline.pipe(texts)
        ]


@cache
def _pipeline(language: str, rules: tuple[EntityRule, ...]) -> "Language":
    pipeline = import_without("spacy", "torch").blank(language)
    pipeline.max_length = 1 << 40  # the bound is for parsers; lengths are judged by max_chars.v1
    ends = _CHINESE_SENTENCE_ENDS if language == "zh" else _ENGLISH_SENTENCE_ENDS
    pipeline.add_pipe("sentencizer", config={"punct_chars": ends})
    ruler = pipeline.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns([{"label": rule.label, "pattern": term} for rule in rules for term in rule.terms])
    return pipeline
