"""What a source is, and what it gives: the shapes that sources, readers and the shard writer share.

    FileSource      files are there already: files(), locate(paths), read(file, limits)
    LandingSource   nothing to read lies anywhere yet: land(...) first, then landed(folder) is a FileSource

`read` is a generator over one file. It yields `Record` and `Bad`, and raises `Unreadable` when it cannot go on: what it
gave before that is kept, and the file gets one `Bad` of its own. Paths never say where a source lies: a folder may
move, a package may be upgraded, a landing is another one each night, and the documents keep their urls.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import compress, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, NamedTuple, Protocol, Self, runtime_checkable

from pydantic import Field, model_validator

from pipeline_lib.base.settings import StageSettings, operational
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import Refused

if TYPE_CHECKING:
    from pipeline_lib.store.workspace import Batch

Format = Literal["text", "markdown", "html"]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
KIB, MIB = 1 << 10, 1 << 20
USUAL_BYTES = 2_000  # of a record, where nothing was read


# Reasons that are no damage: for nothing, and, by how they begin, for what a container holds and no reader takes.
EMPTY_FILE, EMPTY_TEXT, PASSED_OVER = "empty file", "empty text", "passed over: "
REDIRECT, NO_ARTICLE = f"{PASSED_OVER}redirect", f"{PASSED_OVER}page of another namespace"  # of an encyclopedia


class Unreadable(Exception):
    """A file cannot be read on from here. The message is the reason for its quarantine row.

    `num_rows`: how many records are lost by it; None where nobody can tell.
    """

    def __init__(self, reason: str, num_rows: int | None = None) -> None:
        super().__init__(reason)
        self.num_rows = num_rows


def column_of(names: Sequence[str], name: str, num_rows: int | None = None) -> int:
    """Where the column `name` stands. Raises `Unreadable` where there is none, and where it is not told which."""
    places = [place for place, found in enumerate(names) if found == name]
    if len(places) != 1:
        raise Unreadable(f"{len(places)} columns {name!r}" if places else f"no column {name!r}", num_rows)
    return places[0]


class Record(NamedTuple):  # made for each document: a frozen dataclass of ten fields takes five times as long
    """One text of a file, with what the source knows of it and nothing that it does not.

    `part` names it within the file (None: it is the file), `line` is where it starts. A record with a `url` of its own
    is named by that alone, wherever it lies.
    """

    part: str | None
    line: int | None
    format: Format
    text: str
    url: str | None = None
    title: str | None = None
    licence: str | None = None
    fetched: datetime | None = None  # by the source's own word: when a file was changed is no fetch time
    metadata: Mapping[str, str] | None = None
    messages: tuple[Mapping[str, str], ...] | None = None  # role and content of each turn, if it is a conversation


def metadata_of(**told: str | None) -> dict[str, str] | None:
    """What is known of a text, without what is not; None where nothing is."""
    return {name: value for name, value in told.items() if value} or None


@dataclass(frozen=True)
class Bad:
    """A line (None: the whole file, or its rest) that could not become a document, and why; never its text.

    `num_rows`: how many records went with it; None where nobody can tell. The guard then asks what the file holds.
    `within`: which member of an archive it was, or how many, as people read it.
    """

    line: int | None
    reason: str
    num_rows: int | None = 1
    within: str = ""


@dataclass(frozen=True)
class Limits:
    """How much of a file is read: the settings that concern all sources."""

    max_document_bytes: int
    max_expansion: int


@dataclass(frozen=True)
class ReadOptions:
    """What the readers of this house are told: limits, and those settings of a source that decide how it is read."""

    max_document_bytes: int
    max_expansion: int
    text_field: str = "text"
    text_template: str | None = None
    id_field: str | None = None
    title_field: str | None = None
    licence_field: str | None = None
    metadata_fields: tuple[tuple[str, str], ...] = ()  # name in the metadata, field
    record_format: Format = "text"
    delimiter: str | None = None  # between the fields of a .csv; None: a comma
    encoding: str = ""  # a label, "" for none: what is no UTF-8 is probably in this charset
    min_docstring_chars: int = 1

    @cached_property
    def is_mapped(self) -> bool:
        """Whether more is asked of a record than the text in one field and the id in another."""
        told = (self.text_template, self.title_field, self.licence_field, self.metadata_fields)
        return any(told) or "." in self.text_field or "." in (self.id_field or "")

    def label_of(self, _data: bytes) -> str:
        """The label of bytes that have none of their own."""
        return self.encoding


@dataclass(frozen=True)
class Lines:
    """Numbers of lines, from 1: a byte for each line up to the last of them (a set: 70 bytes for each of them)."""

    marks: bytes  # 1 at the place of each number that is in it; the last is one

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        """These numbers, in whatever order."""
        marks = bytearray()
        for number in numbers:
            marks.extend(bytes(max(0, number + 1 - len(marks))))
            marks[number] = 1
        return cls(bytes(marks))

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 0 <= number < len(self.marks) and self.marks[number] == 1

    def __iter__(self) -> Iterator[int]:
        return compress(count(), self.marks)

    def __len__(self) -> int:
        return self.marks.count(1)


@dataclass(frozen=True)
class SourceFile:
    """An open file of a source."""

    path: str  # relative to the source, with "/"
    raw: BinaryIO
    num_bytes: int
    lines: Lines | None = None  # of the records that are asked for: others may be given, and are passed over


@dataclass
class PassedOver:
    """Files of one kind that no reader takes; one of them as an example, None where names are no matter."""

    num_files: int
    example: str | None


@dataclass
class Listing:
    """The files of a source that will be read, each with its place on this machine, and what is passed over."""

    files: dict[str, Path | str] = field(default_factory=dict)  # as text costs less: most are only looked at
    passed_over: dict[str, PassedOver] = field(default_factory=dict)  # by kind: ".pdf", "hidden", ...
    digests: Mapping[str, str] = field(default_factory=dict)  # of files whose digest the source knows (FilePlan.digest)

    def pass_over(self, kind: str, example: str | None = None) -> None:
        """Count one file that will not be read. The example is the first by name, in whatever order they come."""
        known = self.passed_over.setdefault(kind, PassedOver(0, example))
        known.num_files += 1
        if example is not None and known.example is not None:
            known.example = min(known.example, example)

    def in_order(self) -> "Listing":
        """The same, sorted by path and by kind."""
        files = {path: self.files[path] for path in sorted(self.files)}  # pairs would take longer to compare
        return Listing(files, dict(sorted(self.passed_over.items())), self.digests)


class SourceSettings(StageSettings):
    """What all sources have: how much of them the snapshot asks for. It decides nothing of how they are read."""

    weight: float | None = Field(
        default=None,
        gt=0,
        description="Its part of the mix, beside the weights of others; none: all that is there.",
        json_schema_extra=operational(),
    )
    most_tokens: int | None = Field(
        default=None,
        ge=1,
        description="At most so many tokens of it are in a snapshot; none: no bound.",
        json_schema_extra=operational("tokens"),
    )
    most_tokens_per_host: int | None = Field(
        default=None,
        ge=1,
        description="At most so many tokens of one host are in a snapshot, of what its documents have an http address "
        "for; none: no bound.",
        json_schema_extra=operational("tokens"),
    )

    arrived_from: date | None = Field(
        default=None,
        description="Only what arrived on this day (UTC) or later is in a snapshot; a changed document arrives again.",
        json_schema_extra=operational("day"),
    )
    arrived_until: date | None = Field(
        default=None,
        description="Only what arrived on this day (UTC) or earlier is in a snapshot, and has not been changed since.",
        json_schema_extra=operational("day"),
    )

    @model_validator(mode="after")
    def _days_are_in_order(self) -> Self:
        if self.arrived_from and self.arrived_until and self.arrived_from > self.arrived_until:
            raise ValueError("arrived_from is later than arrived_until: nothing arrives between them")
        return self

    def asked(self, batches: "Sequence[Batch]") -> dict[str, Any]:
        """What the snapshot asks of it, as parameters. `batches`: all that there are, oldest first."""
        bounds = ("weight", "most_tokens", "most_tokens_per_host")
        asked = {**{name: getattr(self, name) for name in bounds}, **self._numbers(batches)}
        name: str = self.name  # type: ignore[attr-defined]  # each source has one, with a default of its own or none
        return {"source": name, **{key: value for key, value in asked.items() if value is not None}}

    def _numbers(self, batches: "Sequence[Batch]") -> dict[str, int | None]:
        """The first and the last batch between the days; None where all are, so that a day as such is in no name."""
        early = [
            batch.number for batch in batches if self.arrived_from and batch.arrived < self.arrived_from.isoformat()
        ]
        late = [
            batch.number for batch in batches if self.arrived_until and batch.arrived > self.arrived_until.isoformat()
        ]
        return {"after": max(early, default=None), "before": min(late, default=None)}


class FileSource(Protocol):
    """A source whose files are there."""

    def files(self) -> Listing:
        """The files there are now. Raises `SettingsError` when the source itself is not there."""

    def locate(self, paths: Collection[str]) -> Mapping[str, Path]:
        """Where these files lie on this machine; those that are not there any more are left out."""

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """The records of one file, in its order."""


@runtime_checkable
class WrappedFiles(Protocol):
    """A `FileSource` whose files hold more than the bytes that a reader of their kind knows."""

    def unwrapped(self, file: SourceFile) -> SourceFile:
        """Those bytes alone. Raises `Unreadable` where that is no file of this source."""

    def read_unwrapped(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """The records of such bytes, or of their beginning, without what the rest says of them."""


@runtime_checkable
class LandingSource(Protocol):
    """A source that has to be asked first: what it answers lands in a folder of files."""

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Fill an empty folder with all that the source holds, fetching only what is new since the landing `before`.

        None if there was none, or it is lost: then `places` says where its rows lay, if that is a file. What is
        `refused` by its url does not land.
        Raises `UpstreamError` when the source may answer later, `GuardStop` when too much of it is gone at once.
        """

    def landed(self, landing: Path) -> FileSource:
        """The files of a landing; their paths are their names in it."""
