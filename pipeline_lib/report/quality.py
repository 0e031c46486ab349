"""What can be said of the data in the terms of ISO/IEC 25012:2008, each with how it is computed.

Five of its fifteen characteristics, those that belong to the data themselves ("inherent"). Where a number cannot be
had from columns and ledgers, that is said: no figure stands in for one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pipeline_lib.past.made import INGEST
from pipeline_lib.report import counts as key
from pipeline_lib.report.counts import Counts, only, split
from pipeline_lib.report.fields import DATE, SYNTHETIC
from pipeline_lib.report.records import Record
from pipeline_lib.report.values import median
from pipeline_lib.report.views import LAST, funnel, num_met

CANNOT_BE_TOLD = "cannot be told"
UNKNOWN = "unknown"
BADLY_DECODED = "replacement_char_share"  # of the characters of a document


@dataclass(frozen=True)
class Measure:
    """One line of the table."""

    characteristic: str
    what: str
    value: str
    how: str


def measures(record: Record) -> list[Measure]:
    """All of them, over the documents of all nights."""
    counts = record.all
    return [
        *_completeness(counts),
        *_consistency(counts),
        *_credibility(counts),
        *_currentness(counts),
        *_accuracy(counts),
    ]


def _share(number: int, total: int) -> str:
    return f"{number / total:.1%} ({number:,} of {total:,})" if total else CANNOT_BE_TOLD


def _completeness(counts: Counts) -> Iterator[Measure]:
    name = "Completeness"
    read, met = split(counts, key.OUT, 0)[INGEST], num_met(counts)
    yield Measure(name, "records that became documents", _share(read, met), "ingest's ledger: kept over met")
    lost = split(counts, key.LOST, 0).total()
    yield Measure(
        name, "records that broken input took along", f"{lost:,}", "inventory of files, where it is countable"
    )
    filled = split(counts, key.FILLED, 0)
    fields = (("title", "a title"), ("licence", "a licence"), (DATE, "a date"), ("fetched", "a time of fetching"))
    for field, what in fields:
        yield Measure(name, f"documents with {what}", _share(filled[field], read), f"column {field}, not empty")
    spoken = split(only(counts, 0, INGEST), key.OUT, 2)
    yield Measure(
        name, "documents in a language that is told", _share(read - spoken[UNKNOWN], read), "language of clean"
    )


def _consistency(counts: Counts) -> Iterator[Measure]:
    name, flows = "Consistency", funnel(counts)
    is_balanced = all(flow.num_dropped == sum(number for _, number in flow.reasons) for flow in flows)
    follows = all(one.num_out == other.num_in for one, other in pairwise(flows))
    yield Measure(
        name,
        "each document is accounted for",
        "yes" if is_balanced and follows else "no: something is not there any more, see the notes",
        "of each stage: in = kept + dropped by reason; what one keeps comes to the next",
    )
    repeated = next((flow for flow in flows if flow.stage == "dedup"), None)
    yield Measure(
        name,
        "documents that said what another one says",
        CANNOT_BE_TOLD if repeated is None else _share(repeated.num_dropped, repeated.num_in),
        "dedup's ledger: dropped over come; what is kept has no double that dedup's method finds",
    )
    yield Measure(
        name, "contradictions between documents", CANNOT_BE_TOLD, "nothing here understands what a text claims"
    )


def _credibility(counts: Counts) -> Iterator[Measure]:
    name, read = "Credibility", split(counts, key.OUT, 0)[INGEST]
    yield Measure(
        name, "documents whose place is known", _share(read, read), "source and url are no document's to leave out"
    )
    filled = split(counts, key.FILLED, 0)
    yield Measure(name, "documents under a licence that is named", _share(filled["licence"], read), "column licence")
    yield Measure(
        name, "documents marked as written by a model", _share(filled[SYNTHETIC], read), "metadata: synthetic"
    )
    yield Measure(name, "who wrote it, and whether they know", CANNOT_BE_TOLD, "no source says so of itself reliably")


def _currentness(counts: Counts) -> Iterator[Measure]:
    name = "Currentness"
    months = sorted(split(counts, key.FETCHED, 0).items())
    yield Measure(
        name,
        "when documents were fetched",
        f"{months[0][0]} to {months[-1][0]}" if months else CANNOT_BE_TOLD,
        "column fetched, by month; a source without its own word has none",
    )
    years = {float(year): number for year, number in split(counts, key.WRITTEN, 0).items()}
    middle = median(years)
    yield Measure(
        name,
        "when they were written, in the middle",
        CANNOT_BE_TOLD if middle is None else f"{middle:.0f} (of {sum(years.values()):,} documents)",
        "metadata: date, where a document has one",
    )
    withdrawn = split(counts, key.WITHDRAWN, 0).total()
    yield Measure(name, "older versions that were withdrawn", f"{withdrawn:,}", "tombstones of the batches")


def _accuracy(counts: Counts) -> Iterator[Measure]:
    name = "Accuracy"
    values = {float(one[2]): n for one, n in counts.items() if one[:2] == (key.VALUE, BADLY_DECODED)}
    yield Measure(
        name,
        "documents without a character that could not be decoded",
        _share(values.get(0.0, 0), sum(values.values())),
        f"signal {BADLY_DECODED} is 0",
    )
    replaced, kept = split(counts, key.REPLACED, 0).total(), split(only(counts, 0, LAST), key.OUT, 0).total()
    yield Measure(
        name,
        "personal data that was replaced",
        f"{replaced:,} in {kept:,} documents",
        "scrub's ledger; what no detector finds is not known",
    )
    yield Measure(name, "whether what they say is true", CANNOT_BE_TOLD, "there is nothing here to compare it with")
