"""Variants that are nearly as good as their model: each scheme that is asked for has scores, and loses little."""

from pipeline_lib.model.measured import Measured
from pipeline_lib.register.check import Case, Check, same_documents
from pipeline_lib.register.compare import compare


def variants_lose_little(case: Case) -> list[Check]:
    """Each variant against its own model."""
    return [check for scheme, variant in case.variants.items() for check in _checks(case, scheme, variant)]


def _checks(case: Case, scheme: str, variant: Measured | None) -> list[Check]:
    if variant is None:
        return [Check(f"scores_of_{scheme}", None, "==", 1.0, "the variant has scores")]
    loss = compare(case.settings, variant, case.challenger)
    return [
        same_documents(f"same_documents_for_{scheme}", case.challenger, variant),
        Check(
            f"loss_of_{scheme}",
            None if loss is None else loss.high(case.settings.alpha),
            "<=",
            case.settings.max_variant_loss_share,
            f"bits of the variant over its model's, upper end of the one-sided {1 - case.settings.alpha:.0%} interval",
        ),
    ]
