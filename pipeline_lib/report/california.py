"""What California wants to be told of training data (AB 2013), by the fields of Civil Code section 3111(a)."""

from collections.abc import Mapping

from pipeline_lib.report.counts import split
from pipeline_lib.report.known import Answer, Known, Section, counted, described, processing_of, told
from pipeline_lib.report.training import MONTH


def california(known: Known) -> Section:
    """The twelve fields of AB 2013."""
    given, counts = known.given, known.counts
    sources = {name: given.source(name) for name in known.sources}
    months = sorted(split(counts, MONTH, 1))
    days = sorted(batch.arrived for batch in known.batches if batch.arrived)
    unsaid = [name for name in known.sources if known.kind(name) is None]
    bought = [f"{name}: {known.kind(name)}" for name in known.sources if known.kind(name)]
    synthetic = known.of_kind("synthetic")
    answers = [
        counted("(1)", "Sources or owners", [described(known, name) for name in known.sources]),
        told("(2)", "How they further the intended purpose", given.model.purpose, "model.purpose"),
        counted("(3)", "Number of data points", f"{known.content.num_documents:,} documents"),
        Answer("(4)", "Types of data points", "documents of text without labels", "program"),
        _flags("(5)", "Protected by copyright, trademark or patent", {n: s.is_copyrighted for n, s in sources.items()},
               "sources.NAME.is_copyrighted"),
        Answer("(6)", "Purchased or licensed", bought if not unsaid else None, "open" if unsaid else "told",
               "sources.NAME.kind"),
        _flags("(7)", "Personal information", {n: s.has_personal_data for n, s in sources.items()},
               "sources.NAME.has_personal_data"),
        _flags("(8)", "Aggregate consumer information", {n: s.has_consumer_information for n, s in sources.items()},
               "sources.NAME.has_consumer_information"),
        Answer("(9)", "Cleaning, processing or other modification", processing_of(known.settings), "set"),
        counted("(10)", "Period of collection", f"{(months or days or [''])[0]} to {(days or months or [''])[-1]}; "
                 "it goes on each night"),
        told("(11)", "First used in development", given.model.first_used, "model.first_used"),
        Answer("(12)", "Synthetic data", [described(known, n) for n in synthetic] or
               ("none that is told" if unsaid else "none"), "told"),
    ]  # fmt: skip
    return Section("California Civil Code 3111(a), AB 2013", answers)


def _flags(number: str, question: str, flags: Mapping[str, bool | None], key: str) -> Answer:
    """Of each source yes or no; open while one is not told."""
    told = [f"{name}: {'yes' if flag else 'no'}" for name, flag in flags.items() if flag is not None]
    is_open = len(told) < len(flags) or not flags
    return Answer(number, question, None if is_open else told, "open" if is_open else "told", key)
