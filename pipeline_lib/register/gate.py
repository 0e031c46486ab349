"""The gate: may the challenger take the champion's place? It fails closed, and says how often it errs.

A gain must be real, on the frozen benchmark or on fresh text: an equal model passes in at most `alpha` of nights. No
slice may fall, against the champion or any earlier one of this generation. What is impossible is shown to a person.
A figure that is missing, NaN or infinite fails its check, and so do different documents.

`mlflow.validate_evaluation_results` is not used: it knows no interval, and it fails open (tried with MLflow 3.17.2: a
champion of NaN and a challenger of minus infinity both "passed"; a missing champion fails every relative threshold).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipeline_lib.model.measured import Measured
from pipeline_lib.model.records import CHALLENGER, CHAMPION, FRESH, Scores, finite
from pipeline_lib.register.best import best_of
from pipeline_lib.register.check import Case, Check, Training, bits_per_byte
from pipeline_lib.register.checks import CHECKS
from pipeline_lib.register.compare import Gain, Loss, Pair, on_common
from pipeline_lib.register.report import page
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.register.table import Row, Table, deciding, rows

NOTHING, NO_BITS = np.array([], np.int64), np.array([], np.float64)
NOT_MEASURED = Measured(Scores(), (), (), (), NOTHING, NOTHING, NO_BITS)


@dataclass(frozen=True)
class GateReport:
    """The checks and what follows from them."""

    checks: tuple[Check, ...]
    benchmark: str  # that they were made on
    bits_per_byte: float | None
    champion_bits_per_byte: float | None
    champion_version: int | None  # what it was judged against: a promotion expects that one
    num_missing_documents: int  # until the set is large enough to judge on
    gains: tuple[Gain, ...] = ()
    losses: tuple[Loss, ...] = ()
    best_versions: tuple[int, ...] = ()  # champions that the next challenger is held against, too
    rows: tuple[Row, ...] = ()  # the whole table
    is_in_service: bool = False  # the champion itself is judged again

    @property
    def is_passed(self) -> bool:
        """All checks hold; no check at all is no pass."""
        return bool(self.checks) and all(check.is_passed for check in self.checks)

    @property
    def is_held(self) -> bool:
        """It would pass, were it not too good to be true: a person decides."""
        return not self.is_passed and bool(self.checks) and all(check.asks or check.is_passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The outcome in one sentence."""
        failed = "; ".join(check.sentence for check in self.checks if not check.is_passed)
        if failed:
            return f"{'held for a person' if self.is_held else 'refused'}: {failed}"
        if self.is_in_service:
            return "accepted: the model in service, still better than a unigram model and its own start"
        if self.bits_per_byte is None or self.champion_bits_per_byte is None:
            return "accepted: the first model, and better than a unigram model and its own start"
        gain = max(self.gains, key=lambda gain: gain.at_least)
        return (
            f"accepted: {gain.share:.2%} fewer bits per byte than the champion on the same documents "
            f"({gain.benchmark}; surely {gain.at_least:.2%})"
        )

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; figures that JSON has no number for are null."""
        checks = [{**asdict(check), "is_passed": check.is_passed} for check in self.checks]
        for check in checks:
            check.update({key: finite(check[key]) for key in ("value", "limit")})
        return {
            "is_passed": self.is_passed,
            "is_held": self.is_held,
            "reason": self.reason,
            "benchmark": self.benchmark,
            "bits_per_byte": finite(self.bits_per_byte),
            "champion_bits_per_byte": finite(self.champion_bits_per_byte),
            "champion_version": self.champion_version,
            "best_versions": list(self.best_versions),
            "num_missing_documents": self.num_missing_documents,
            "checks": checks,
            "gains": [_finite(asdict(gain)) for gain in self.gains],
            "slices": [_finite(asdict(loss)) for loss in self.losses],
            "table": [{**asdict(row), "bits_per_byte": finite(row.bits_per_byte)} for row in self.rows],
        }

    def to_markdown(self) -> str:
        """The report as a page for people."""
        return page(self.reason, self.checks, self.gains, self.losses, self.rows)


def weighed(
    settings: GateSettings,
    table: Table,
    *,
    schemes: Sequence[str],
    training: Training,
    earlier: Mapping[int, Measured] | None = None,
    is_in_service: bool = False,
) -> GateReport:
    """All checks of a challenger. Without a champion it must beat its own start instead; a unigram model always.

    `schemes` are the variants that must have scores and lose little. `earlier`: by version, former champions on the
    frozen benchmark, each the best of them in something. `is_in_service`: the challenger is the champion.
    """
    measured, of_champion = table.get(CHALLENGER, {}), table.get(CHAMPION, {})
    at_least = settings.needed_documents(has_champion=bool(of_champion))
    label = deciding((cell.scores for cell in measured.values()), at_least=at_least)
    champion = of_champion.get(label, NOT_MEASURED) if of_champion else None
    version = next((cell.scores.version for cell in of_champion.values()), None)
    others = {number: cell for number, cell in (earlier or {}).items() if cell.scores.label == label}
    challenger = measured.get(label, NOT_MEASURED)
    case = Case(
        settings,
        challenger=challenger,
        champion=champion,
        rivals=_rivals(settings, label, measured, of_champion),
        best=_best(settings, challenger, {number: cell for number, cell in others.items() if number != version}),
        variants={scheme: table.get(scheme, {}).get(label) for scheme in schemes},
        training=training,
    )
    if version is not None and label in of_champion:
        best = best_of({**others, version: of_champion[label]}, version)
    else:
        best = tuple(sorted(others))
    return GateReport(
        checks=tuple(check for checks in CHECKS for check in checks(case)),
        benchmark=label,
        bits_per_byte=bits_per_byte(challenger),
        champion_bits_per_byte=None if champion is None else bits_per_byte(champion),
        champion_version=version,
        num_missing_documents=max(0, at_least - len(challenger.document_ids)),
        gains=case.gains,
        losses=case.losses,
        best_versions=best,
        rows=tuple(rows(table)),
        is_in_service=is_in_service,
    )


def _rivals(
    settings: GateSettings, label: str, mine: Mapping[str, Measured], champion: Mapping[str, Measured]
) -> tuple[Pair, ...]:
    """The challenger beside the champion, where it decides and on fresh text, if there is enough of that."""
    if not champion:
        return ()
    pair = Pair(label, "the champion", mine.get(label, NOT_MEASURED), champion.get(label, NOT_MEASURED))
    fresh = [name for name, cell in mine.items() if cell.scores.benchmark == FRESH and name in champion]
    enough = [name for name in fresh if len(mine[name].bits) >= settings.min_documents]
    return (pair, *(Pair(name, "the champion", mine[name], champion[name]) for name in enough))


def _best(settings: GateSettings, challenger: Measured, earlier: Mapping[int, Measured]) -> tuple[Pair, ...]:
    """The challenger beside earlier champions, on the documents that both were scored on, if these are enough."""
    pairs = (
        on_common(Pair(cell.scores.label, f"version {number}", challenger, cell)) for number, cell in earlier.items()
    )
    return tuple(pair for pair in pairs if len(pair.mine.bits) >= settings.min_documents)


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: finite(value) if isinstance(value, float) else value for name, value in figures.items()}
