"""What a manifest says of a shard, counted piece by piece: documents by reason, language and rule, and matches."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.settings import EntityRule
from pipeline_lib.clean.signals import LANGUAGE
from pipeline_lib.clean.terms import column_of


@dataclass(frozen=True)
class Tally:
    """Documents by reason; by language; by failed rule, where each counts under all it failed; matches by column."""

    reasons: Counter[str] = field(default_factory=Counter)
    languages: Counter[str | None] = field(default_factory=Counter)
    failed_rules: Counter[str] = field(default_factory=Counter)
    matches: Counter[str] = field(default_factory=Counter)

    def add(self, ledger: pa.Table, signals: pa.Table, terms: pa.Table) -> None:
        """Count one piece of a shard."""
        self.reasons.update(_counts(ledger["reason"].drop_null()))
        self.languages.update(_counts(signals[LANGUAGE]))
        self.failed_rules.update(_counts(pc.struct_field(pc.list_flatten(ledger["failed"]), "rule")))
        self.matches.update({name: pc.sum(terms[name]).as_py() or 0 for name in terms.column_names})

    def facts(self, rules: Sequence[EntityRule]) -> dict[str, Any]:
        """For people."""
        return {
            "languages": {name or "unknown": number for name, number in self.languages.items()},
            "failed_rules": dict(self.failed_rules),
            "entities": {rule.label: self.matches[column_of(rule.label)] for rule in rules},
        }


def _counts(column: pa.ChunkedArray) -> dict[Any, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}
