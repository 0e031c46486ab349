"""The gate: may the challenger take the champion's place? It fails closed.

Bits per byte of both models on the same documents, compared by a paired bootstrap over documents: what is hard for
both cancels out. A figure that is missing, NaN or infinite fails its check, and so do different documents.

`mlflow.validate_evaluation_results` is not used: it knows no interval, and it fails open (tried with MLflow 3.17.2: a
champion of NaN and a challenger of minus infinity both "passed"; a missing champion fails every relative threshold).
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.store.files import read_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline_lib.model.scoring import Interval

SCORES_FILE = "scores.json"
PER_DOCUMENT_FILE = "per_document.parquet"

Relation = Literal["<", "<=", "==", ">="]

COMPARE: Mapping[Relation, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Measured:
    """What evaluate measured of one model."""

    scores: Mapping[str, Any]
    document_ids: tuple[str, ...]
    num_bytes: "NDArray[np.int64]"
    bits: "NDArray[np.float64]"  # of each document; NaN where the model had no answer


@dataclass(frozen=True)
class Training:
    """What the training measured of the model before and after it, both on the same documents."""

    start_bits_per_byte: float | None
    end_bits_per_byte: float | None


@dataclass(frozen=True)
class Check:
    """One condition: `value relation limit`."""

    name: str
    value: float | None  # None: there is no such figure
    relation: Relation
    limit: float | None
    meaning: str

    @property
    def is_passed(self) -> bool:
        """Whether both figures are there, are finite, and hold."""
        if self.value is None or self.limit is None or not (math.isfinite(self.value) and math.isfinite(self.limit)):
            return False
        return COMPARE[self.relation](self.value, self.limit)


@dataclass(frozen=True)
class GateReport:
    """The checks and what follows from them."""

    checks: tuple[Check, ...]
    bits_per_byte: float | None
    champion_bits_per_byte: float | None

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
        if self.bits_per_byte is None or self.champion_bits_per_byte is None:
            return "accepted: the first model, and better than a unigram model and its own start"
        gain = 1 - self.bits_per_byte / self.champion_bits_per_byte
        return f"accepted: {gain:.2%} fewer bits per byte than the champion on the same documents"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; figures that JSON has no number for are null."""
        checks = [{**asdict(check), "is_passed": check.is_passed} for check in self.checks]
        for check in checks:
            check.update({key: _finite(check[key]) for key in ("value", "limit")})
        return {
            "is_passed": self.is_passed,
            "reason": self.reason,
            "bits_per_byte": _finite(self.bits_per_byte),
            "champion_bits_per_byte": _finite(self.champion_bits_per_byte),
            "checks": checks,
        }

    def to_markdown(self) -> str:
        """The report as a page for people."""
        lines = [f"**Gate: {self.reason}**", "", "| check | value | | limit | passed | meaning |", "|-|-|-|-|-|-|"]
        lines += [
            f"| {check.name} | {_shown(check.value)} | {check.relation} | {_shown(check.limit)} "
            f"| {'yes' if check.is_passed else '**no**'} | {check.meaning} |"
            for check in self.checks
        ]
        return "\n".join(lines) + "\n"


def read_measured(folder: Path) -> Measured:
    """The content of an evaluate artifact. Raises `DataError` when it cannot be read."""
    from pipeline_lib.store.tables import read_table

    try:
        table = read_table(folder / PER_DOCUMENT_FILE)
        return Measured(
            scores=read_json(folder / SCORES_FILE),
            document_ids=tuple(table["document_id"].to_pylist()),
            num_bytes=table["num_bytes"].to_numpy(),
            bits=table["bits"].to_numpy(),
        )
    except (OSError, ValueError, KeyError) as exc:
        raise DataError(f"{folder}: the scores cannot be read. Delete the folder and run again.") from exc


def judge(
    settings: GateSettings,
    *,
    challenger: Measured,
    champion: Measured | None,
    quantized: Measured | None,
    training: Training,
) -> GateReport:
    """All checks of a challenger. Without a champion it must beat its own start instead; a unigram model always."""
    bits_per_byte = _bits_per_byte(challenger)
    checks = [
        _documents_check(settings, challenger),
        Check(
            "beats_unigram",
            bits_per_byte,
            "<",
            _number(challenger.scores.get("unigram_bits_per_byte")),
            "bits per byte against token frequencies alone",
        ),
    ]
    if champion is None:
        meaning = "bits per byte after the training against before, on the training's own held-out sample"
        checks.append(Check("beats_start", training.end_bits_per_byte, "<", training.start_bits_per_byte, meaning))
    else:
        checks += _champion_checks(settings, challenger, champion)
    if quantized is not None:
        checks += _int8_checks(settings, challenger, quantized)
    elif settings.is_int8_required:
        checks.append(Check("int8_is_measured", None, "==", 1.0, "the int8 variant has scores"))
    return GateReport(tuple(checks), bits_per_byte, None if champion is None else _bits_per_byte(champion))


def _documents_check(settings: GateSettings, challenger: Measured) -> Check:
    import numpy as np

    num_scored = int(np.isfinite(challenger.bits).sum())
    is_complete = num_scored == len(challenger.bits) == len(challenger.document_ids)
    meaning = "documents with a score; missing when there are some without"
    return Check(
        "enough_documents", float(num_scored) if is_complete else None, ">=", float(settings.min_documents), meaning
    )


def _champion_checks(settings: GateSettings, challenger: Measured, champion: Measured) -> list[Check]:
    delta = _delta(settings, challenger, champion)
    base = _bits_per_byte(champion)
    return [
        _same_documents("same_documents_as_champion", challenger, champion),
        Check(
            "better_than_champion",
            None if delta is None else delta.value,
            "<",
            None if base is None else 0.0 - settings.min_improvement_share * base,  # 0, not -0
            "difference in bits per byte, in the mean",
        ),
        Check(
            "not_worse_at_the_worst_end",
            None if delta is None else delta.high,
            "<=",
            None if base is None else settings.max_regression_share * base,
            f"difference in bits per byte, upper end of the {settings.confidence:.0%} interval",
        ),
    ]


def _int8_checks(settings: GateSettings, challenger: Measured, quantized: Measured) -> list[Check]:
    delta = _delta(settings, quantized, challenger)
    base = _bits_per_byte(challenger)
    return [
        _same_documents("same_documents_for_int8", challenger, quantized),
        Check(
            "int8_loss",
            None if delta is None else delta.high,
            "<=",
            None if base is None else settings.max_int8_loss_share * base,
            f"int8 minus model in bits per byte, upper end of the {settings.confidence:.0%} interval",
        ),
    ]


def _same_documents(name: str, one: Measured, other: Measured) -> Check:
    return Check(name, float(_num_different(one, other)), "==", 0.0, "documents that only one of them was scored on")


def _num_different(one: Measured, other: Measured) -> int:
    """Documents that are not in both, with as many bytes."""
    sides = [set(zip(side.document_ids, side.num_bytes.tolist(), strict=False)) for side in (one, other)]
    return len(sides[0] ^ sides[1])


def _delta(settings: GateSettings, one: Measured, other: Measured) -> "Interval | None":
    """`one` minus `other` in bits per byte; None where they cannot be compared."""
    from pipeline_lib.model.scoring import paired_bootstrap

    if one.document_ids != other.document_ids or _bits_per_byte(one) is None or _bits_per_byte(other) is None:
        return None
    return paired_bootstrap(
        one.bits,
        other.bits,
        one.num_bytes,
        seed=settings.seed,
        num_resamples=settings.num_resamples,
        confidence=settings.confidence,
    )


def _bits_per_byte(measured: Measured) -> float | None:
    """Computed from the documents, not read from the scores: one source for all checks."""
    import numpy as np

    total = int(measured.num_bytes.sum())
    if total <= 0 or len(measured.bits) != len(measured.num_bytes) or not np.isfinite(measured.bits).all():
        return None
    return float(measured.bits.sum()) / total


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _shown(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4f}".removesuffix(".0000")


def _sentence(check: Check) -> str:
    return f"{check.name} ({_shown(check.value)}, must be {check.relation} {_shown(check.limit)})"
