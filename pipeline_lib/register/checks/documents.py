"""Enough documents to say anything."""

import numpy as np

from pipeline_lib.register.check import Case, Check

HOW = "of new text a larger share is held out until there are enough"


def enough_documents(case: Case) -> list[Check]:
    """A figure only when each document has a score: one without is no small matter, it may be all that went wrong.

    Nothing is told in fewer than no bits, so what is below 0 is no score.
    """
    challenger, limit = case.challenger, case.settings.needed_documents(has_champion=case.champion is not None)
    num_scored = int((np.isfinite(challenger.bits) & (challenger.bits >= 0)).sum())
    is_complete = num_scored == len(challenger.bits) == len(challenger.document_ids)
    missing = limit - num_scored
    advice = f"{missing} more held-out documents are needed: {HOW}" if is_complete and missing > 0 else ""
    meaning = "documents with a score; missing when there are some without"
    return [
        Check(
            "enough_documents", float(num_scored) if is_complete else None, ">=", float(limit), meaning, advice=advice
        )
    ]
