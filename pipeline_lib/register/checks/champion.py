"""Better than the champion: a gain that is real, on the frozen benchmark or on fresh text."""

from pipeline_lib.register.check import Case, Check, same_documents
from pipeline_lib.register.compare import Gain


def better_than_champion(case: Case) -> list[Check]:
    """By the lower end of a paired bootstrap over blocks; two benchmarks share what may go wrong by chance."""
    if case.champion is None:
        return []
    gain = max(case.gains, key=lambda gain: gain.at_least, default=None)
    is_comparable = gain is not None and case.rivals[0].is_comparable
    return [
        same_documents("same_documents_as_champion", case.challenger, case.champion),
        Check(
            "gain_is_real",
            gain.at_least if gain is not None and is_comparable else None,
            ">",
            case.settings.min_improvement_share,
            f"share of bits saved, lower end of the {_confidence(gain)} interval, {_where(gain)}",
            said=_said(case, gain) if gain is not None and is_comparable else "",
        ),
    ]


def _said(case: Case, gain: Gain) -> str:
    if all(each.at_most < 0 for each in case.gains):
        return f"{-gain.share:.2%} more bits per byte than the champion on the same documents"
    asked = case.settings.min_improvement_share
    if gain.at_least > 0:
        return f"better than the champion by {gain.share:.2%}, which is not surely more than the {asked:.2%} asked for"
    smallest = min(each.detectable for each in case.gains)
    return (
        "no difference that can be told from chance (the smallest gain that this set can tell is "
        f"{smallest:.2%}): the champion stays"
    )


def _confidence(gain: Gain | None) -> str:
    return "one-sided" if gain is None else f"one-sided {1 - gain.alpha:.0%}"


def _where(gain: Gain | None) -> str:
    return "on the same documents" if gain is None else f"on {gain.benchmark}"
