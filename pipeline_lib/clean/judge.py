"""From columns to a verdict: criteria over all documents at once, and the ledger rows that they give.

The ledger names every criterion that a document fails. Terms and sentences are asked only of documents that all other
criteria keep: a page that is dropped for its length is not blamed for its boilerplate too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.clean.model_settings import TextModel, rules_of
from pipeline_lib.clean.rules import FEWEST, RULES, Rule
from pipeline_lib.clean.settings import CleanSettings, Limit
from pipeline_lib.clean.signals import LANGUAGE
from pipeline_lib.clean.terms import NUM_SENTENCES, column_of
from pipeline_lib.store.schemas import FAILED_TYPE, LEDGER_SCHEMA

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indexes = npt.NDArray[np.intp]
DATATROVE_LANGUAGE = "en"  # what its filters take each text for, unless they are told otherwise


@dataclass(frozen=True)
class Criterion:
    """One question to all documents: who fails it, on which value, at which limit (NaN: there is no number)."""

    name: str
    reason: str
    fails: Flags
    values: Floats
    limit: float


@dataclass(frozen=True)
class Languages:
    """The language of each document: names[codes[i]]."""

    codes: Indexes
    names: Sequence[str | None]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Languages":
        """The languages of a column; null is a language too."""
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        return cls(np.array(encoded.indices, np.intp), encoded.dictionary.to_pylist())

    def taken_for(self, name: str) -> "Languages":
        """All documents in one language, whatever they are in."""
        return Languages(np.zeros_like(self.codes), [name])

    def where(self, are_meant: Mapping[str | None, bool]) -> Flags:
        """Which documents are in a language that is meant."""
        return np.array([are_meant[name] for name in self.names], np.bool_)[self.codes]


def judge(
    settings: CleanSettings,
    document_ids: pa.Array,
    extraction: pa.Table,
    signals: pa.Table,
    terms: pa.Table,
    scores: pa.Table | None = None,
) -> pa.Table:
    """The ledger.v1 rows of documents, from what is known of them, row by row; there may be none."""
    return ledger_rows(document_ids, criteria_of(settings, extraction, signals, terms, scores))


def criteria_of(
    settings: CleanSettings,
    extraction: pa.Table,
    signals: pa.Table,
    terms: pa.Table,
    scores: pa.Table | None = None,  # of the models, where there are any
) -> list[Criterion]:
    """All that is asked of documents, in the order in which it gives their reason."""
    languages = Languages.of(signals[LANGUAGE])
    has_text = np.array(extraction["has_text"], np.bool_)
    criteria = _extraction_criteria(settings, _floats(extraction["num_tags"]), has_text)
    criteria.append(_language_criterion(settings, languages, has_text))
    taken_for = languages.taken_for(DATATROVE_LANGUAGE) if settings.words == "spacy" else languages
    criteria += rule_criteria(settings.rules, _shown(signals, has_text), taken_for)
    if scores is not None:
        criteria += _model_criteria(settings, _shown(scores, has_text), languages)
    return criteria + _term_criteria(settings, _shown(terms, _kept(criteria)), languages)


def _extraction_criteria(settings: CleanSettings, num_tags: Floats, has_text: Flags) -> list[Criterion]:
    has_too_many = num_tags > settings.max_html_tags
    return [
        Criterion("max_html_tags", "html_too_large", has_too_many, num_tags, settings.max_html_tags),
        _flag("html", "no_text_in_html", ~has_text & ~has_too_many),
    ]


def _language_criterion(settings: CleanSettings, languages: Languages, has_text: Flags) -> Criterion:
    wanted = settings.languages
    is_wanted = languages.where({name: wanted is None or name in wanted for name in languages.names})
    return _flag("languages", "language_not_wanted", has_text & ~is_wanted)


def rule_criteria(
    limits: Mapping[str, Limit | None], signals: Mapping[str, Floats], languages: Languages
) -> list[Criterion]:
    """A criterion for each rule that is on and whose signal is there; a value of NaN fails none."""
    switched_on = [(rule, limit) for rule in RULES if rule.signal in signals and (limit := limits[rule.name])]
    return [_rule_criterion(rule, limit, signals, languages) for rule, limit in switched_on]


def _rule_criterion(
    rule: Rule, limit: Limit | TextModel, signals: Mapping[str, Floats], languages: Languages
) -> Criterion:
    values, bound = signals[rule.signal], getattr(limit, rule.bound)
    is_outside = values < bound if rule.bound == "at_least" else values > bound
    is_judged = languages.where({name: rule.applies_to(name) for name in languages.names})
    if rule.counted_in is not None:
        is_judged &= signals[rule.counted_in] >= FEWEST
    return Criterion(rule.name, rule.reason, is_outside & is_judged, values, bound)


def _model_criteria(settings: CleanSettings, scores: Mapping[str, Floats], languages: Languages) -> list[Criterion]:
    return [_rule_criterion(rule, model, scores, languages) for rule, model in rules_of(settings.models)]


def _term_criteria(settings: CleanSettings, terms: Mapping[str, Floats], languages: Languages) -> list[Criterion]:
    criteria = rule_criteria(settings.rules, {NUM_SENTENCES: terms[NUM_SENTENCES]}, languages)
    for rule in settings.entity_rules:
        limit = settings.entity_limits.get(rule.label)
        if limit is not None:
            values = terms[column_of(rule.label)]
            reason = f"too_many_{rule.label.lower()}"
            criteria.append(Criterion(f"entity_rules.{rule.label}", reason, values > limit, values, limit))
    return criteria


def _flag(name: str, reason: str, fails: Flags) -> Criterion:
    """A criterion that has no number."""
    return Criterion(name, reason, fails, np.full(len(fails), np.nan), np.nan)


def _kept(criteria: Sequence[Criterion]) -> Flags:
    is_dropped: Flags = np.any([criterion.fails for criterion in criteria], axis=0)
    return ~is_dropped


def _shown(table: pa.Table, is_shown: Flags) -> dict[str, Floats]:
    """The numbers of a table by column; NaN for documents that are not shown."""
    names = [field.name for field in table.schema if field.name != LANGUAGE]
    return {name: np.where(is_shown, _floats(table[name]), np.nan) for name in names}


def _floats(column: pa.ChunkedArray) -> Floats:
    """Null becomes NaN."""
    return np.array(column.combine_chunks().cast(pa.float64()).fill_null(np.nan), np.float64)


def ledger_rows(document_ids: pa.Array, criteria: Sequence[Criterion]) -> pa.Table:
    """The ledger.v1 rows: each failing criterion of a document, in the order of `criteria`."""
    documents, failing = np.nonzero(
        np.array([criterion.fails for criterion in criteria]).T
    )  # sorted by document, then criterion
    starts = np.searchsorted(documents, np.arange(len(document_ids) + 1))
    is_kept = starts[1:] == starts[:-1]
    reasons = [None if ok else criteria[failing[at]].reason for ok, at in zip(is_kept, starts[:-1], strict=True)]
    columns = [
        document_ids,
        pa.array(is_kept),
        pa.array(reasons, pa.string()),
        _failed(criteria, documents, failing, starts),
    ]
    return pa.table(columns, schema=LEDGER_SCHEMA)


def _failed(criteria: Sequence[Criterion], documents: Indexes, failing: Indexes, starts: Indexes) -> pa.ListArray:
    names = [criteria[k].name for k in failing]
    values = [criteria[k].values[i] for i, k in zip(documents, failing, strict=True)]
    limits = [criteria[k].limit for k in failing]
    parts = [
        pa.array(names, pa.string()),
        *(pa.array(part, pa.float64(), from_pandas=True) for part in (values, limits)),
    ]
    entries = pa.StructArray.from_arrays(parts, fields=list(FAILED_TYPE.value_type))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), entries, type=FAILED_TYPE)
