"""Nothing impossible: what is too good to be true is no gain but a fault, most of the time, and a person decides."""

import numpy as np

from pipeline_lib.model.measured import Measured
from pipeline_lib.register.check import Case, Check, bits_per_byte


def is_believable(case: Case) -> list[Check]:
    """Bits per byte that text has; no gain out of nowhere; documents that differ from each other."""
    return [
        Check(
            "bits_per_byte_are_possible",
            bits_per_byte(case.challenger),
            ">=",
            case.settings.min_bits_per_byte,
            "bits per byte: a model that needs next to none has seen the answers",
            asks=True,
        ),
        *_known(case),
        *_gain(case),
        *_differ(case),
    ]


def _known(case: Case) -> list[Check]:
    """Asked where there is such text: a leak seldom is of all documents. What the champion needs no more bits for is
    easy, not leaked."""
    floor = case.settings.min_bits_per_byte
    beside = [_share_known(pair.mine, pair.other, floor) for pair in case.rivals if pair.is_comparable]
    share = max(beside, default=_share_known(case.challenger, None, floor))
    if not share:
        return []
    meaning = f"share of the text that needs fewer than {floor} bits per byte, and did not by the champion"
    return [Check("little_text_is_known", share, "<=", case.settings.max_collapsed_share, meaning, asks=True)]


def _share_known(mine: Measured, other: Measured | None, floor: float) -> float:
    knows = mine.bits < floor * mine.num_bytes
    if other is not None:
        knows &= other.bits >= floor * other.num_bytes
    return float(mine.num_bytes[knows].sum() / max(1, mine.num_bytes.sum()))


def _gain(case: Case) -> list[Check]:
    """Asked of models of one size: a larger one, or the first one that learns a language, may gain much."""
    alike = [pair for pair in case.rivals if pair.mine.scores.model_bytes == pair.other.scores.model_bytes]
    names = {pair.benchmark for pair in alike}
    shares = [gain.share for gain in case.gains if gain.benchmark in names]
    if not shares:
        return []
    meaning = "share of bits saved against a champion of the same size"
    limit = case.settings.max_believable_gain_share
    return [Check("gain_is_believable", max(shares), "<=", limit, meaning, asks=True)]


def _differ(case: Case) -> list[Check]:
    """Whether documents are predicted more or less well: a constant is no prediction."""
    measured = case.challenger
    if len(measured.bits) < 2 or not np.isfinite(measured.bits).all():
        return []
    rates = measured.bits / np.maximum(measured.num_bytes, 1)
    different = float(len(np.unique(rates.round(9))))
    return [Check("documents_differ", different, ">", 1.0, "different bits per byte among the documents", asks=True)]
