"""What spaCy does here: counts of terms (EntityRuler) and of sentences (sentencizer), in Chinese and in English.

The pipelines are blank ones, so no model is needed; the Chinese one takes each character as a token. spaCy's tokenizer
runs at 1.3 MB/s on English, which is a hundredth of the speed of the signals: so it reads only lines that hold a term,
of documents that hold one, which RE2 finds out first, unless sentences are asked for. Whether the rules keep a document
is not asked: the counts stay true when a limit is moved, and so spaCy reads nothing again for it.
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

from pipeline_lib.clean.blank_pipeline import blank_pipeline
from pipeline_lib.clean.settings import CleanSettings, EntityRule

if TYPE_CHECKING:
    from spacy.language import Language

NUM_SENTENCES = "num_sentences"
_SINGLE_SPACES = " ?"  # spaCy's tokens may have a space between them that the term has not, and the other way round
_CHINESE_SENTENCE_ENDS = ["。", "！", "？", "；", "!", "?"]
_ENGLISH_SENTENCE_ENDS = [".", "!", "?", "。", "！", "？"]


@dataclass(frozen=True)
class Reading:
    """What spaCy found in one document: matches by label, and sentences."""

    num_by_label: Mapping[str, int] = field(default_factory=dict)
    num_sentences: int = 0  # also where they are not asked for


def terms_schema(rules: Sequence[EntityRule]) -> pa.Schema:
    """Sentences, null where they were not asked for, and matches for each rule."""
    labels = [pa.field(column_of(rule.label), pa.int64(), nullable=False) for rule in rules]
    return pa.schema([pa.field(NUM_SENTENCES, pa.int64()), *labels])


def column_of(label: str) -> str:
    """The name of the column with the matches of a rule."""
    return f"num_{label.lower()}"


def count_terms(settings: CleanSettings, texts: pa.LargeStringArray, languages: pa.StringArray) -> pa.Table:
    """The rows of terms_schema for texts in these languages."""
    rules, has_sentences = settings.entity_rules, settings.spacy_sentences
    passages = _whole(texts) if has_sentences else _lines_with_terms(texts, rules)
    sentences = np.zeros(len(texts), np.int64)
    matches = {rule.label: np.zeros(len(texts), np.int64) for rule in rules}
    is_chinese = np.array(pc.equal(languages, "zh").fill_null(False))[passages.owners]
    for language, are_chosen in (("zh", is_chinese), ("en", ~is_chinese)):
        chosen = passages.texts.filter(pa.array(are_chosen)).to_pylist()
        readings = read(chosen, language, rules, sentences=has_sentences)
        for owner, reading in zip(passages.owners[are_chosen], readings, strict=True):
            sentences[owner] += reading.num_sentences
            for label, number in reading.num_by_label.items():
                matches[label][owner] += number
    columns = [sentences if has_sentences else pa.nulls(len(texts), pa.int64()), *matches.values()]
    return pa.table(columns, schema=terms_schema(rules))


@dataclass(frozen=True)
class _Passages:
    """What spaCy reads, and the text that each passage is of."""

    texts: pa.LargeStringArray
    owners: npt.NDArray[np.int64]


def _whole(texts: pa.LargeStringArray) -> _Passages:
    return _Passages(texts, np.arange(len(texts)))


def _lines_with_terms(texts: pa.LargeStringArray, rules: Sequence[EntityRule]) -> _Passages:
    """The lines in which spaCy may find a term: to it a line end is a token, so that no match goes across one."""
    held = np.flatnonzero(holds_a_term(texts, rules))
    lists = pc.split_pattern(texts.take(pa.array(held)), "\n")
    lines = lists.flatten()
    is_read = _any_of(lines, [_SINGLE_SPACES.join(re.escape(c) for c in term if c != " ") for term in _terms(rules)])
    return _Passages(lines.filter(is_read), held[np.array(pc.list_parent_indices(lists).filter(is_read), np.int64)])


def holds_a_term(texts: pa.LargeStringArray, rules: Sequence[EntityRule]) -> npt.NDArray[np.bool_]:
    """For each text, whether one of the terms stands in it, in any case of letters."""
    return np.array(_any_of(texts, [re.escape(term) for term in _terms(rules)]), np.bool_)


def _any_of(texts: pa.LargeStringArray, patterns: Sequence[str]) -> pa.BooleanArray:
    """For each text, whether one of the patterns is found, in any case of letters."""
    if not patterns:
        return pa.array(np.zeros(len(texts), np.bool_))
    return pc.match_substring_regex(texts, "(?i)" + "|".join(patterns))


def _terms(rules: Sequence[EntityRule]) -> list[str]:
    return sorted({term for rule in rules for term in rule.terms})


def read(texts: Sequence[str], language: str, rules: tuple[EntityRule, ...], *, sentences: bool) -> list[Reading]:
    """Read texts in the pipeline of a language, "zh" or "en"; no texts load none."""
    if not texts:
        return []
    pipeline = _pipeline(language, rules, sentences)
    with pipeline.memory_zone():  # else the vocabulary grows with every document of a long-lived process
        return [
            Reading(Counter(entity.label_ for entity in doc.ents), sum(1 for _ in doc.sents) if sentences else 0)
            for doc in pipeline.pipe(texts)
        ]


def load(rules: tuple[EntityRule, ...], *, sentences: bool) -> None:
    """Load what `read` needs, if there is anything to read for."""
    for name in ("zh", "en") if rules or sentences else ():
        _pipeline(name, rules, sentences)


@cache
def _pipeline(language: str, rules: tuple[EntityRule, ...], sentences: bool) -> "Language":
    pipeline = blank_pipeline(language)
    if sentences:
        ends = _CHINESE_SENTENCE_ENDS if language == "zh" else _ENGLISH_SENTENCE_ENDS
        pipeline.add_pipe("sentencizer", config={"punct_chars": ends})
    ruler = pipeline.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns([{"label": rule.label, "pattern": term} for rule in rules for term in rule.terms])
    return pipeline
