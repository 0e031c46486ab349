"""What a night would do with the documents of one file: ingest, clean and scrub of a single one, and nothing is kept.

The makers' own functions are asked, so that it is the same that a night does. What dedup would do depends on what is
there already: trial_dedup.py asks the index. Personal data is replaced under a key that ends with the answer.
"""

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.model_settings import rules_of
from pipeline_lib.clean.rules import RULE_BY_NAME, Rule
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.ingest.documents import Document
from pipeline_lib.ingest.records import Bad
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import FolderSource
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.plan.trial_dedup import Alike, alike_of
from pipeline_lib.scrub.settings import KINDS, ScrubSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

SOURCE = "try"


@dataclass(frozen=True)
class Question:
    """What clean asks of a document: a number against a limit, or (NaN) something that has none."""

    name: str
    value: float
    limit: float
    reason: str
    is_failed: bool
    rule: Rule | None = None

    @property
    def bound(self) -> str:
        """How the limit is meant: "at least" or "at most"; "" where there is none."""
        if math.isnan(self.limit):
            return ""
        return "at most" if self.rule is None else self.rule.bound.replace("_", " ")

    @property
    def is_asked(self) -> bool:
        """Whether it counts for this document: a value beyond its limit that fails nothing is asked of others only."""
        is_beyond = self.value < self.limit if self.bound == "at least" else self.value > self.limit
        return self.is_failed or not is_beyond


@dataclass(frozen=True)
class Stepped:
    """What one step of clean, or one rewrite, made of the text."""

    name: str
    before: str
    after: str
    is_spared: bool  # nothing would have been left of the text, or far too much: it stayed as it was


@dataclass(frozen=True)
class Trial:
    """One document behind each stage."""

    place: str
    form: str  # "text", "markdown" or "html"
    told: Mapping[str, str]  # title, licence, metadata
    raw: str
    num_tags: int | None  # None: it is no HTML
    extracted: str | None  # before the first step of clean
    steps: Sequence[Stepped]  # all that are on, in their order
    text: str | None  # behind clean; None: a page that gives none
    language: str | None
    questions: Sequence[Question]
    scrubbed: str | None  # None: clean drops it, or it holds what may not be there
    found: Mapping[str, int]  # personal data by kind
    alike: Alike | None = None  # of what is there; None: nothing is, or nobody could look

    @property
    def reason(self) -> str:
        """Why it would be dropped; "" where it is kept."""
        failed = next((asked.reason for asked in self.questions if asked.is_failed), "")
        if not failed and self.alike is not None and self.alike.document_id:
            return self.alike.reason
        return failed or ("" if self.scrubbed is not None else f"has_{next(k for k, n in self.found.items() if n)}")


def records_of(settings: Settings, place: Path) -> Iterator[Document | Bad]:
    """The documents of a file, and what of it cannot be one, as the source would read it in which it lies.

    Raises `SettingsError` where there is no such file, or no reader takes it.
    """
    from pipeline_lib.ingest.digests import digest_of_stream
    from pipeline_lib.ingest.documents import read_file, reading_of
    from pipeline_lib.ingest.kinds import kind_of, untaken
    from pipeline_lib.ingest.plan import FilePlan
    from pipeline_lib.ingest.readers import READERS

    if not place.is_file():
        what = "is a folder" if place.is_dir() else "there is no such file"
        raise SettingsError(f"{place}: {what}. Name a file, or - for standard input.")
    if kind_of(place.name)[0] not in READERS:
        kind = untaken(place.name)
        raise SettingsError(
            f"{place}: no reader takes a file of the kind {kind!r}. Those there are: {', '.join(READERS)}."
        )
    own = settings.of(IngestSettings)
    source = _source_of(own, place).model_copy(update={"name": SOURCE, "path": place})
    with place.open("rb") as raw:
        digest = digest_of_stream(raw)
    yield from read_file(reading_of(own, source, None), FilePlan(place.name, digest, place.stat().st_size), place)


def _source_of(own: IngestSettings, place: Path) -> FolderSource:
    """The folder among the sources in which it lies, else the first one of `files`, else one with nothing set."""
    folders = [source for source in own.sources if isinstance(source, FolderSource)]
    around = (source for source in folders if place.resolve().is_relative_to(source.path.expanduser().resolve()))
    of_files = (source for source in folders if isinstance(source, FilesSource))
    return next(around, next(of_files, FilesSource(name=SOURCE, path=place)))


def tried(settings: Settings, document: Document, workspace: Workspace | None = None) -> Trial:
    """What each stage makes of a document. `workspace`: whose documents dedup compares it with."""
    from pipeline_lib.clean.model_stage import learned_scores
    from pipeline_lib.clean.signal_groups import groups_asked
    from pipeline_lib.clean.signals import LANGUAGE, signals_of
    from pipeline_lib.clean.terms import count_terms
    from pipeline_lib.clean.texts import raw_texts, with_texts
    from pipeline_lib.ingest.writing import documents_of

    own, record = settings.of(CleanSettings), document.record
    texts = raw_texts(documents_of(SOURCE, [document]), own)
    extracted = texts.documents["text"].chunk(0)
    column, steps = _stepped(own, extracted)
    signals = signals_of(column, groups_asked(own.rules), words=own.words)
    terms = count_terms(own, column, signals[LANGUAGE].combine_chunks())
    questions = _questions(own, texts.extraction, signals, terms, learned_scores(own.models, column))
    has_text = texts.extraction["has_text"][0].as_py()
    is_kept = not any(asked.is_failed for asked in questions)
    documents = with_texts(texts.documents, column)
    scrubbed, found = _scrubbed(settings, documents) if is_kept else (None, dict.fromkeys(KINDS, 0))
    told = {"title": record.title, "licence": record.licence, **(record.metadata or {})}
    num_tags = texts.extraction["num_tags"][0].as_py()
    return Trial(
        place=document.place,
        form=record.format,
        told={name: value for name, value in told.items() if value},
        raw=record.text,
        num_tags=None if num_tags is None else int(num_tags),
        extracted=extracted[0].as_py() if has_text else None,
        steps=steps,
        text=column[0].as_py() if has_text else None,
        language=signals[LANGUAGE][0].as_py(),
        questions=questions,
        scrubbed=scrubbed,
        found=found,
        alike=alike_of(settings, workspace, documents) if is_kept and workspace is not None else None,
    )


def _stepped(own: CleanSettings, texts: pa.LargeStringArray) -> tuple[pa.LargeStringArray, tuple[Stepped, ...]]:
    """The text behind all steps, and what each of them did."""
    from pipeline_lib.clean.steps.apply import apply, changes_of

    steps = []
    for change in changes_of(own):
        before, (texts, count) = texts, apply(change, texts, own.terminology)
        steps.append(Stepped(change.name, before[0].as_py(), texts[0].as_py(), count.num_spared > 0))
    return texts, tuple(steps)


def _questions(
    own: CleanSettings, extraction: pa.Table, signals: pa.Table, terms: pa.Table, scores: pa.Table | None
) -> tuple[Question, ...]:
    from pipeline_lib.clean.judge import criteria_of

    rules = RULE_BY_NAME | {rule.name: rule for rule, _ in rules_of(own.models)}
    return tuple(
        Question(one.name, float(one.values[0]), float(one.limit), one.reason, bool(one.fails[0]), rules.get(one.name))
        for one in criteria_of(own, extraction, signals, terms, scores)
    )


def _scrubbed(settings: Settings, documents: pa.Table) -> tuple[str | None, dict[str, int]]:
    """The text without personal data, None where it holds what takes it out; how much of each kind was found."""
    from pipeline_lib.scrub.documents import scrub_documents
    from pipeline_lib.scrub.key import MIN_KEY_BYTES, ScrubKey
    from pipeline_lib.scrub.strings import Scrubber

    key = ScrubKey(secrets.token_bytes(MIN_KEY_BYTES))
    result = scrub_documents(Scrubber(settings.of(ScrubSettings), key), documents)
    found = dict(zip(KINDS, map(int, result.counts[0]), strict=True))
    return (result.kept["text"][0].as_py() if result.kept.num_rows else None), found
