"""No slice falls: not against the champion, and not against the best champion of this benchmark until now.

The second keeps many nights of small losses, none of which is proven, from adding up.
"""

import numpy as np

from pipeline_lib.register.check import Case, Check
from pipeline_lib.register.compare import ALL, Loss, Pair

MOST_NAMED = 5


def no_slice_falls(case: Case) -> list[Check]:
    """By source, language and length; and the text that collapses, whatever slices it is in."""
    if not case.rivals:
        return []
    fallen = [loss for loss in case.losses if loss.judged == "falls"]
    is_told = all(loss.share is not None for loss in case.losses if loss.documents == ALL)
    return [
        Check(
            "no_slice_falls",
            float(len(fallen)) if is_told else None,
            "==",
            0.0,
            f"slices worse by more than {case.settings.max_regression_share:.2%}, as far as that is proven",
            said=_said(fallen) if is_told else "",
        ),
        Check(
            "little_text_collapses",
            _collapsed(case),
            "<=",
            case.settings.max_collapsed_share,
            f"share of the text whose documents are worse by more than {case.settings.collapse_share:.0%} each",
        ),
    ]


def _collapsed(case: Case) -> float | None:
    """The greatest share of any benchmark; None where one cannot be compared."""
    if not all(pair.is_comparable and len(pair.mine.bits) for pair in case.rivals):
        return None
    return max(_share(pair, case.settings.collapse_share) for pair in case.rivals)


def _share(pair: Pair, collapse_share: float) -> float:
    """NaN counts as collapsed."""
    holds = pair.mine.bits <= (1 + collapse_share) * pair.other.bits
    return float(pair.mine.num_bytes[np.logical_not(holds)].sum() / pair.mine.num_bytes.sum())


def _said(fallen: list[Loss]) -> str:
    worst = sorted(fallen, key=lambda loss: -(loss.at_least or 0))
    named = [
        f"{loss.documents} on {loss.benchmark} ({loss.share or 0:.2%} worse than {loss.against})"
        for loss in worst[:MOST_NAMED]
    ]
    more = f" and {len(worst) - MOST_NAMED} more" if len(worst) > MOST_NAMED else ""
    return f"worse on {', '.join(named)}{more}"
