"""What the answers about training content come from, and the form that they have.

Each answer says where it is from: counted, set, a fact of this program, or told by a person (given.py); what nobody has
told stays open and says which key closes it. Nothing is inferred: whether a folder holds public data, or works under
copyright, no ledger knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.steps.apply import changes_of
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.report.counts import Counts, only, split
from pipeline_lib.report.given import Given
from pipeline_lib.report.night import limit_said, limits_of
from pipeline_lib.report.training import DOCUMENTS, LICENCE, MONTH, TOKENS, Content
from pipeline_lib.scrub.settings import KINDS, ScrubSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Batch

Origin = Literal["counted", "set", "program", "told", "open"]
CRAWL = "crawl"  # the kind of source that fetches from the web by itself
MOST_LICENCES = 10


@dataclass(frozen=True)
class Answer:
    """One field."""

    number: str  # in its form
    question: str
    value: str | Sequence[str] | None  # None: open
    origin: Origin
    key: str = ""  # that closes it, in the TOML file

    @property
    def is_open(self) -> bool:
        """Whether a person has yet to say it."""
        return self.value is None


@dataclass(frozen=True)
class Section:
    """Some fields under a heading."""

    heading: str
    answers: Sequence[Answer]


@dataclass(frozen=True)
class Known:
    """All that an answer may come from."""

    settings: Settings
    content: Content
    given: Given
    batches: Sequence[Batch]
    refused: Mapping[str, Mapping[str, int]]  # by source of the crawler what was not taken, by reason

    @property
    def counts(self) -> Counts:
        """Of what may be learned."""
        return self.content.counts

    @property
    def sources(self) -> list[str]:
        """That something is learned of, the largest first."""
        sizes = split(self.counts, TOKENS, 0)
        return sorted(sizes, key=lambda name: (-sizes[name], name))

    def kind(self, source: str) -> str | None:
        """What a source is: told, or known where the program fetches it from the web itself."""
        told = self.given.source(source).kind
        return told or ("crawled" if self.reads_by(source) == CRAWL else None)

    def reads_by(self, source: str) -> str | None:
        """By what kind of source it is read; None where the settings do not name it any more."""
        own = {one.name: one.kind for one in self.settings.of(IngestSettings).sources}
        return own.get(source)

    def of_kind(self, *kinds: str | None) -> list[str]:
        """The sources of some kinds."""
        return [name for name in self.sources if self.kind(name) in kinds]


def told(number: str, question: str, value: str | None, key: str) -> Answer:
    """What a person says, or has to say yet."""
    return Answer(number, question, value, "open" if value is None else "told", key)


def counted(number: str, question: str, value: str | Sequence[str]) -> Answer:
    """What ledgers and columns say."""
    return Answer(number, question, value, "counted")


def described(known: Known, source: str) -> str:
    """A source in one line."""
    given, counts = known.given.source(source), only(known.counts, 0, source)
    sizes = [split(counts, kind, 0)[source] for kind in (DOCUMENTS, TOKENS)]
    licences = shares(split(counts, LICENCE, 1), MOST_LICENCES, total=sizes[0])
    parts = [
        f"{source}: {sizes[0]:,} documents, {sizes[1]:,} tokens",
        f"read as {known.reads_by(source) or 'a source that the settings do not name any more'}",
        f"licences: {', '.join(licences)}" if licences else "no document names a licence",
        period(known, source),
        *filter(None, [given.description, given.owner and f"owner: {given.owner}", given.link]),
    ]
    return "; ".join(filter(None, parts))


def listed(known: Known, number: str, question: str, kind: str) -> Answer:
    """The sources of a kind; open while there are some of which nobody has said what they are."""
    found = [described(known, name) for name in known.of_kind(kind)]
    if found or not known.of_kind(None):
        return Answer(number, question, found or "none", "told")
    return Answer(number, question, None, "open", "sources.NAME.kind")


def period(known: Known, source: str) -> str:
    """When the documents of a source were fetched, and when they were taken in."""
    months = sorted(split(only(known.counts, 0, source), MONTH, 1))
    days = sorted(batch.arrived for batch in known.batches if batch.source == source and batch.arrived)
    fetched = f"fetched {months[0]} to {months[-1]}" if months else ""
    taken = f"taken in {days[0]} to {days[-1]}" if days else ""
    return "; ".join(filter(None, [fetched, taken]))


def processing_of(settings: Settings) -> list[str]:
    """What is done with documents."""
    clean, scrub = settings.of(CleanSettings), settings.of(ScrubSettings)
    languages = "all" if clean.languages is None else ", ".join(clean.languages)
    limits = (f"{rule} {limit_said(str(bound), float(limit))}" for rule, _, bound, limit, _ in limits_of(clean))
    rules = ", ".join(limits)
    kinds = ", ".join(f"{kind} ({scrub.action(kind)})" for kind in KINDS)
    steps = ", ".join(change.name for change in changes_of(clean))
    return [
        f"languages that are kept: {languages}",
        f"steps that change texts: {steps}",
        f"quality rules: {rules}",
        f"exact and near duplicates are dropped: {settings.of(DedupSettings).method}",
        f"personal data that is recognized is replaced before tokenization: {kinds}; names of people are not found",
    ]


def shares(numbers: Mapping[str, int], most: int, *, total: int | None = None) -> list[str]:
    """The largest of some numbers as shares of their sum, or of a total."""
    whole = sum(numbers.values()) if total is None else total
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{name} {number / whole:.1%}" for name, number in ordered[:most] if whole]
    return [*shown, f"{len(ordered) - most:,} more"] if len(ordered) > most else shown


def joined(*parts: str | None) -> str | None:
    """What there is of some words; None of none."""
    return ", ".join(filter(None, parts)) or None
