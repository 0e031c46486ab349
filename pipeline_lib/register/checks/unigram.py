"""Better than token frequencies alone: the least that a model must be."""

from pipeline_lib.model.records import finite
from pipeline_lib.register.check import Case, Check, bits_per_byte


def beats_unigram(case: Case) -> list[Check]:
    """The challenger against a unigram model of its own training text."""
    return [
        Check(
            "beats_unigram",
            bits_per_byte(case.challenger),
            "<",
            finite(case.challenger.scores.unigram_bits_per_byte),
            "bits per byte against token frequencies alone",
        )
    ]
