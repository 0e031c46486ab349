"""From columns to a verdict: checks over all documents at once, and the ledger rows that they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.clean.rules import RULES, Rule
from pipeline_lib.clean.settings import Limit
from pipeline_lib.store.schemas import FAILED_TYPE, LEDGER_SCHEMA

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Check:
    """One question to all documents: who fails it, on which value, at which limit (NaN: there is no number)."""

    name: str
    reason: str
    fails: Flags
    values: Floats
    limit: float


def flag(name: str, reason: str, fails: Sequence[bool] | Flags) -> Check:
    """A check that has no number."""
    return Check(name, reason, np.array(fails, np.bool_), np.full(len(fails), np.nan), np.nan)


def rule_checks(
    limits: Mapping[str, Limit | None], signals: Mapping[str, Floats], languages: Sequence[str | None]
) -> list[Check]:
    """A check for each rule that is on and whose signal is there; a value of NaN fails none."""
    switched_on = [(rule, limit) for rule in RULES if rule.signal in signals and (limit := limits[rule.name])]
    return [_check(rule, limit, signals[rule.signal], languages) for rule, limit in switched_on]


def _check(rule: Rule, limit: Limit, values: Floats, languages: Sequence[str | None]) -> Check:
    bound = getattr(limit, rule.bound)
    is_outside = values < bound if rule.bound == "at_least" else values > bound
    is_judged = np.array([rule.applies_to(language) for language in languages], np.bool_)
    return Check(rule.name, rule.reason, is_outside & is_judged, values, bound)


def kept(checks: Sequence[Check]) -> Flags:
    """Which documents fail none of the checks; there must be one at least."""
    is_dropped: Flags = np.any([check.fails for check in checks], axis=0)
    return ~is_dropped


def ledger_rows(document_ids: pa.Array, checks: Sequence[Check], columns: Mapping[str, pa.Array]) -> pa.Table:
    """The ledger.v1 rows and further columns: each failing check of a document, in the order of `checks`."""
    documents, failing = np.nonzero(np.array([check.fails for check in checks]).T)  # sorted by document, then check
    starts = np.searchsorted(documents, np.arange(len(document_ids) + 1))
    is_kept = starts[1:] == starts[:-1]
    reasons = [None if ok else checks[failing[at]].reason for ok, at in zip(is_kept, starts[:-1], strict=True)]
    base = [
        document_ids,
        pa.array(is_kept),
        pa.array(reasons, pa.string()),
        _failed(checks, documents, failing, starts),
    ]
    rows = pa.table(base, schema=LEDGER_SCHEMA)
    for name, values in columns.items():
        rows = rows.append_column(name, values)
    return rows


def _failed(checks: Sequence[Check], documents: Indexes, failing: Indexes, starts: Indexes) -> pa.ListArray:
    names = [checks[k].name for k in failing]
    values = [checks[k].values[i] for i, k in zip(documents, failing, strict=True)]
    limits = [checks[k].limit for k in failing]
    parts = [
        pa.array(names, pa.string()),
        *(pa.array(part, pa.float64(), from_pandas=True) for part in (values, limits)),
    ]
    entries = pa.StructArray.from_arrays(parts, fields=list(FAILED_TYPE.value_type))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), entries, type=FAILED_TYPE)
