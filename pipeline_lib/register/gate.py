"""The gate: may the challenger take the champion's place? It fails closed.

Bits per byte of both models on the same documents, compared by a paired bootstrap over documents: what is hard for
both cancels out. A figure that is missing, NaN or infinite fails its check, and so do different documents.

`mlflow.validate_evaluation_results` is not used: it knows no interval, and it fails open (tried with MLflow 3.17.2: a
champion of NaN and a challenger of minus infinity both "passed"; a missing champion fails every relative threshold).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline_lib.model.measured import Measured
from pipeline_lib.model.records import CHALLENGER, CHAMPION, Scores, finite
from pipeline_lib.register.check import Case, Check, Training, bits_per_byte
from pipeline_lib.register.checks import CHECKS
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.register.table import Row, Table, deciding, rows

NOT_MEASURED = Measured(Scores(), (), (), (), np.array([], np.int64), np.array([], np.float64))


@dataclass(frozen=True)
class GateReport:
    """The checks and what follows from them."""

    checks: tuple[Check, ...]
    benchmark: str  # that they were made on
    bits_per_byte: float | None
    champion_bits_per_byte: float | None
    champion_version: int | None  # what it was judged against: a promotion expects that one
    num_missing_documents: int  # until the set is large enough to judge on
    rows: tuple[Row, ...] = ()  # the whole table
    is_in_service: bool = False  # the champion itself is judged again

    @property
    def is_passed(self) -> bool:
        """All checks hold; no check at all is no pass."""
        return bool(self.checks) and all(check.is_passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The outcome in one sentence."""
        failed = [check for check in self.checks if not check.is_passed]
        if failed:
            return "refused: " + "; ".join(_sentence(check) for check in failed)
        if self.is_in_service:
            return "accepted: the model in service, still better than a unigram model and its own start"
        if self.bits_per_byte is None or self.champion_bits_per_byte is None:
            return "accepted: the first model, and better than a unigram model and its own start"
        gain = 1 - self.bits_per_byte / self.champion_bits_per_byte
        return f"accepted: {gain:.2%} fewer bits per byte than the champion on the same documents"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; figures that JSON has no number for are null."""
        checks = [{**asdict(check), "is_passed": check.is_passed} for check in self.checks]
        for check in checks:
            check.update({key: finite(check[key]) for key in ("value", "limit")})
        return {
            "is_passed": self.is_passed,
            "reason": self.reason,
            "benchmark": self.benchmark,
            "bits_per_byte": finite(self.bits_per_byte),
            "champion_bits_per_byte": finite(self.champion_bits_per_byte),
            "champion_version": self.champion_version,
            "num_missing_documents": self.num_missing_documents,
            "checks": checks,
            "table": [{**asdict(row), "bits_per_byte": finite(row.bits_per_byte)} for row in self.rows],
        }

    def to_markdown(self) -> str:
        """The report as a page for people."""
        lines = [f"**Gate: {self.reason}**", "", "| check | value | | limit | passed | meaning |", "|-|-|-|-|-|-|"]
        lines += [
            f"| {check.name} | {_shown(check.value)} | {check.relation} | {_shown(check.limit)} "
            f"| {'yes' if check.is_passed else '**no**'} | {check.meaning} |"
            for check in self.checks
        ]
        lines += ["", "| benchmark | documents | number | candidate | bits per byte |", "|-|-|-|-|-|"]
        lines += [_row(row) for row in sorted(self.rows, key=lambda row: (row.benchmark, row.documents))]
        return "\n".join(lines) + "\n"


def judge(
    settings: GateSettings,
    table: Table,
    *,
    schemes: Sequence[str],
    training: Training,
    is_in_service: bool = False,
) -> GateReport:
    """All checks of a challenger. Without a champion it must beat its own start instead; a unigram model always.

    `schemes` are the variants that must have scores and lose little. `is_in_service`: the challenger is the champion.
    """
    measured, of_champion = table.get(CHALLENGER, {}), table.get(CHAMPION, {})
    at_least = settings.needed_documents(has_champion=bool(of_champion))
    label = deciding((cell.scores for cell in measured.values()), at_least=at_least)
    champion = of_champion.get(label, NOT_MEASURED) if of_champion else None
    case = Case(
        settings,
        challenger=measured.get(label, NOT_MEASURED),
        champion=champion,
        variants={scheme: table.get(scheme, {}).get(label) for scheme in schemes},
        training=training,
    )
    return GateReport(
        checks=tuple(check for checks in CHECKS for check in checks(case)),
        benchmark=label,
        bits_per_byte=bits_per_byte(case.challenger),
        champion_bits_per_byte=None if champion is None else bits_per_byte(champion),
        champion_version=next((cell.scores.version for cell in of_champion.values()), None),
        num_missing_documents=max(0, at_least - len(case.challenger.document_ids)),
        rows=tuple(rows(table)),
        is_in_service=is_in_service,
    )


def _row(row: Row) -> str:
    cells = (row.benchmark, row.documents, str(row.num_documents), row.candidate, _shown(row.bits_per_byte))
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4f}".removesuffix(".0000")


def _sentence(check: Check) -> str:
    advice = f": {check.advice}" if check.advice else ""
    return f"{check.name} ({_shown(check.value)}, must be {check.relation} {_shown(check.limit)}){advice}"
