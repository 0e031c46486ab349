"""What California wants to be told of training data (AB 2013), by the fields of Civil Code section 3111(a)."""

from collections.abc import Callable, Iterator

from pipeline_lib.report.counts import split
from pipeline_lib.report.given import SourceTold
from pipeline_lib.report.known import Answer, Known, Section, counted, described, listed, processing_of, told
from pipeline_lib.report.training import MONTH


def california(known: Known) -> Section:
    """The twelve fields of AB 2013."""
    return Section("California Civil Code 3111(a), AB 2013", [*_what(known), *_whose(known), *_how(known)])


def _what(known: Known) -> Iterator[Answer]:
    yield counted("(1)", "Sources or owners", [described(known, name) for name in known.sources])
    yield told("(2)", "How they further the intended purpose", known.given.model.purpose, "model.purpose")
    yield counted("(3)", "Number of data points", f"{known.content.num_documents:,} documents")
    yield Answer("(4)", "Types of data points", "documents of text without labels", "program")


def _whose(known: Known) -> Iterator[Answer]:
    question = "Protected by copyright, trademark or patent"
    yield _flags(known, "(5)", question, "is_copyrighted", lambda source: source.is_copyrighted)
    kinds = [f"{name}: {known.kind(name)}" for name in known.sources if known.kind(name)]
    is_open = len(kinds) < len(known.sources)
    key = "sources.NAME.kind"
    yield Answer("(6)", "Purchased or licensed", None if is_open else kinds, "open" if is_open else "told", key)
    yield _flags(known, "(7)", "Personal information", "has_personal_data", lambda source: source.has_personal_data)
    question = "Aggregate consumer information"
    yield _flags(known, "(8)", question, "has_consumer_information", lambda source: source.has_consumer_information)


def _how(known: Known) -> Iterator[Answer]:
    yield Answer("(9)", "Cleaning, processing or other modification", processing_of(known.settings), "set")
    days = sorted(batch.arrived for batch in known.batches if batch.arrived)
    times = sorted(split(known.counts, MONTH, 1)) or days
    period = f"{times[0]} to {times[-1]}; it goes on each night" if times else None
    yield Answer("(10)", "Period of collection", period, "counted" if times else "open")
    yield told("(11)", "First used in development", known.given.model.first_used, "model.first_used")
    yield listed(known, "(12)", "Synthetic data", "synthetic")


def _flags(known: Known, number: str, question: str, key: str, flag: Callable[[SourceTold], bool | None]) -> Answer:
    """Of each source yes or no; open while one is not told."""
    flags = {name: flag(known.given.source(name)) for name in known.sources}
    if None in flags.values():
        return Answer(number, question, None, "open", f"sources.NAME.{key}")
    return Answer(number, question, [f"{name}: {'yes' if is_so else 'no'}" for name, is_so in flags.items()], "told")
