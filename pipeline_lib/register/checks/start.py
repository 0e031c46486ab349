"""Better than before its training: asked of a first champion, which has nobody else to beat."""

from pipeline_lib.register.check import Case, Check


def beats_start(case: Case) -> list[Check]:
    """The end of the training against its start."""
    if case.champion is not None:
        return []
    meaning = "bits per byte after the training against before, on the training's own held-out sample"
    training = case.training
    return [Check("beats_start", training.end_bits_per_byte, "<", training.start_bits_per_byte, meaning)]
