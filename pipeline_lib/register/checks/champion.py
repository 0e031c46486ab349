"""Better than the champion, on the same documents and with an interval."""

from pipeline_lib.register.check import Case, Check, bits_per_byte, delta, same_documents


def better_than_champion(case: Case) -> list[Check]:
    """By a paired bootstrap over documents: better in the mean, and not much worse at the worst end."""
    settings, champion = case.settings, case.champion
    if champion is None:
        return []
    difference, base = delta(settings, case.challenger, champion), bits_per_byte(champion)
    return [
        same_documents("same_documents_as_champion", case.challenger, champion),
        Check(
            "better_than_champion",
            None if difference is None else difference.value,
            "<",
            None if base is None else 0.0 - settings.min_improvement_share * base,  # 0, not -0
            "difference in bits per byte, in the mean",
        ),
        Check(
            "not_worse_at_the_worst_end",
            None if difference is None else difference.high,
            "<=",
            None if base is None else settings.max_regression_share * base,
            f"difference in bits per byte, upper end of the {settings.confidence:.0%} interval",
        ),
    ]
