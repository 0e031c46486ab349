"""How a file that may not be in a model is refused: its name, what is wrong with it, what to do; none of its text."""

from pipeline_lib.base.errors import DataError

OUT = "Such a model is not registered, and not put into service."
MOST_SHOWN_CHARS = 80


def refused(name: str, why: str, advice: str) -> DataError:
    """The error to raise for a file."""
    return DataError(f"{name}: {why}. {OUT} {advice}.")


def shown(name: object) -> str:
    """A name that stands in a file, as a message may show it."""
    text = repr(name)
    return text if len(text) <= MOST_SHOWN_CHARS else f"{text[:MOST_SHOWN_CHARS]}..."
