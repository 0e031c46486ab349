"""Counts of terms and of sentences, in Chinese and in English: by a linear pass, by spaCy where its grammar is needed.

A term of a rule is what spaCy's EntityRuler takes for one: a row of tokens in any case of letters. Where plain_terms.py
tells by signs alone what the tokenizer would do, spaCy is not loaded; the few lines of which it does not are read by
spaCy's blank pipelines (no model is needed; the Chinese one takes each character as a token). Its sentences, where they
are asked for, take reading everything, at 1.3 MB/s, which is a hundredth of the speed of the signals. Whether the rules
keep a document is not asked: the counts stay true when a limit is moved, and so nothing is read again for it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.blank_pipeline import blank_pipeline
from pipeline_lib.clean.plain_terms import CHINESE, ENGLISH, Flags, Places, PlainTerms
from pipeline_lib.clean.sentences import sentences_of
from pipeline_lib.clean.settings import CleanSettings, EntityRule
from pipeline_lib.clean.terminology import Terminology
from pipeline_lib.clean.token_patterns import as_spacy, literals_of

if TYPE_CHECKING:
    from spacy.language import Language

NUM_SENTENCES = "num_sentences"
_MOST_BY_RE2 = 2_000  # characters of terms
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
    rules, by_spacy = settings.entity_rules, settings.spacy_sentences
    is_chinese = np.array(pc.equal(languages, CHINESE).fill_null(False), np.bool_)
    are_held = holds_a_term(texts, rules)
    are_whole = np.ones(len(texts), np.bool_) if by_spacy else may_hold_a_pattern(texts, rules)
    sentences, matches = np.zeros(len(texts), np.int64), np.zeros((len(rules), len(texts)), np.int64)
    for language, are_meant in ((CHINESE, is_chinese), (ENGLISH, ~is_chinese)):
        whole, held = (_chosen(texts, are_meant & some) for some in (are_whole, are_held & ~are_whole))
        lines = _count_plain(held, PlainTerms.of(rules, language), matches)
        passages = [*whole.texts.to_pylist(), *lines.texts.to_pylist()]
        readings = read(passages, language, rules, sentences=by_spacy)
        for owner, reading in zip([*whole.owners, *lines.owners], readings, strict=True):
            sentences[owner] += reading.num_sentences
            for k, rule in enumerate(rules):
                matches[k, owner] += reading.num_by_label.get(rule.label, 0)
    columns = [sentences if by_spacy else _num_sentences(texts, is_asked=settings.count_sentences), *matches]
    return pa.table(columns, schema=terms_schema(rules))


def _num_sentences(texts: pa.LargeStringArray, *, is_asked: bool) -> pa.Int64Array:
    return pc.list_value_length(sentences_of(texts)) if is_asked else pa.nulls(len(texts), pa.int64())


@dataclass(frozen=True)
class _Passages:
    """What spaCy reads, and the text that each passage is of."""

    texts: pa.LargeStringArray
    owners: Places


def _chosen(texts: pa.LargeStringArray, are_chosen: Flags) -> _Passages:
    places = np.flatnonzero(are_chosen)
    return _Passages(texts.take(pa.array(places)), places)


def _count_plain(held: _Passages, plain: PlainTerms, matches: Places) -> _Passages:
    """Count in whole texts what needs no spaCy; the lines that need it, of those that may hold a term.

    To spaCy a line end is a token, so that no match goes across one.
    """
    counted = plain.count(held.texts)
    matches[:, held.owners] = counted.numbers
    lists = pc.split_pattern(held.texts.filter(pa.array(counted.are_left)), "\n")
    lines, owners = lists.flatten(), held.owners[counted.are_left][np.array(pc.list_parent_indices(lists), np.int64)]
    is_read = np.isin(np.arange(len(lines)), plain.automaton.find(lines).texts)
    return _Passages(lines.filter(pa.array(is_read)), owners[is_read])


def holds_a_term(texts: pa.LargeStringArray, rules: Sequence[EntityRule]) -> Flags:
    """For each text, whether one of the terms may stand in it: RE2 is faster than the pass, as long as they are few."""
    return _holds_one(texts, sorted({term for rule in rules for term in rule.terms}))


def may_hold_a_pattern(texts: pa.LargeStringArray, rules: Sequence[EntityRule]) -> Flags:
    """For each text, whether a pattern of tokens may match in it: all of it is for spaCy then, terms too."""
    literals = [literals_of(pattern) for rule in rules for pattern in rule.patterns]
    if not all(literals):
        return np.ones(len(texts), np.bool_)
    return _holds_one(texts, sorted({word for words in literals for word in words}))


def _holds_one(texts: pa.LargeStringArray, words: Sequence[str]) -> Flags:
    """Whether one of the words stands in each text, in any case of letters; of many words: maybe."""
    if not words or sum(map(len, words)) > _MOST_BY_RE2:
        return np.full(len(texts), bool(words))
    expression = "(?i)" + "|".join(map(re.escape, words))
    return np.array(pc.match_substring_regex(texts, expression), np.bool_)


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


def load(settings: CleanSettings) -> None:
    """Load what counting needs, whatever it meets: a term too many that spaCy has to be asked for loads spaCy then."""
    one = pa.array([""], pa.large_string())
    sentences_of(one)
    if settings.terminology:
        Terminology.of(settings.terminology).counted(one)
    for name in (CHINESE, ENGLISH):
        if settings.spacy_sentences or any(rule.patterns for rule in settings.entity_rules):
            _pipeline(name, settings.entity_rules, settings.spacy_sentences)
        PlainTerms.of(settings.entity_rules, name).count(one)


@cache
def _pipeline(language: str, rules: tuple[EntityRule, ...], sentences: bool) -> "Language":
    pipeline = sentencizer(language) if sentences else blank_pipeline(language)
    ruler = pipeline.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    for rule in rules:
        wanted = (*rule.terms, *(one for pattern in rule.patterns for one in as_spacy(pattern)))
        ruler.add_patterns([{"label": rule.label, "pattern": one} for one in wanted])
    return pipeline


def sentencizer(language: str) -> "Language":
    """A new pipeline that tells sentences by its tokens."""
    pipeline = blank_pipeline(language)
    ends = _CHINESE_SENTENCE_ENDS if language == CHINESE else _ENGLISH_SENTENCE_ENDS
    pipeline.add_pipe("sentencizer", config={"punct_chars": ends})
    return pipeline
