"""`files`: a folder of text files. What lies in it and is not read is counted by kind, whatever the reason is."""

import os
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.settings import neutral, operational
from pipeline_lib.ingest.records import (
    Bad,
    Format,
    Limits,
    Listing,
    ReadOptions,
    Record,
    Slug,
    SourceFile,
    SourceSettings,
)
from pipeline_lib.ingest.sources.layouts import is_of_hub, of_tools
from pipeline_lib.store.files import translate_os_error


class FilesSource(SourceSettings):
    """A folder (or one file) of txt, md, rst, html, JSON, JSONL, CSV, TSV, Parquet, Arrow, PDF, docx, EPUB, XML (JATS,
    PubMed, dumps of MediaWiki), WARC, WET, ARC; plain, .gz, .zst, .bz2, .xz; in zip and tar."""

    kind: Literal["files"] = "files"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    path: Path = Field(
        description="The folder, searched with its subfolders, or one file. Hidden files are skipped.",
        json_schema_extra=operational(),
    )
    # Which files there are decides nothing about how one of them is read: shards are named by the files in them.
    include: tuple[str, ...] = Field(
        default=("*",),
        min_length=1,
        description='Patterns of relative paths to take; "*" also crosses "/".',
        json_schema_extra=operational(),
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description="Patterns of relative paths to leave out after that.",
        json_schema_extra=operational(),
    )
    text_field: str = Field(default="text", min_length=1, description="Field or column that holds the text.")
    id_field: str | None = Field(
        default="id", description="Field or column that names a record; without one its text's hash names it."
    )
    record_format: Format = Field(
        default="text", description="What the text of JSON, CSV, TSV and Parquet records is written in."
    )
    text_template: str | None = Field(
        default=None,
        description='The text from several fields: "{title}\n\n{meta.abstract}", in place of text_field.',
        json_schema_extra=neutral(None),
    )
    title_field: str | None = Field(
        default=None, description="Field or column that holds the title.", json_schema_extra=neutral(None)
    )
    licence_field: str | None = Field(
        default=None, description="Field or column that names the licence.", json_schema_extra=neutral(None)
    )
    licence: str | None = Field(
        default=None,
        min_length=1,
        description="Licence of all that does not name its own.",
        json_schema_extra=neutral(None),
    )
    metadata_fields: dict[str, str] = Field(
        default={},
        description='Fields or columns to take along: { date = "published", url = "meta.url" }.',
        json_schema_extra=neutral({}),
    )
    encoding: str | None = Field(
        default=None,
        description="Charset of what is no UTF-8 and has no mark, as browsers name it (gbk, big5, windows-1251, "
        "utf-16le); none: by what a page declares, else by what it reads like.",
        json_schema_extra=neutral(None),
    )
    delimiter: str | None = Field(
        default=None,
        pattern=r'^[^"\x00\x1f\r\n]$',
        description='What stands between the fields of a .csv; none: a comma. Often ";" where a comma is in numbers.',
        json_schema_extra=neutral(None),
    )

    @field_validator("text_template")
    @classmethod
    def _is_a_template(cls, given: str | None) -> str | None:
        from pipeline_lib.ingest.fields import parsed

        if given is not None:
            try:
                parsed(given)
            except ValueError as exc:
                raise ValueError(f'{exc}. Write names of fields in brackets, as in "{{title}}\n\n{{body}}"') from exc
        return given

    @field_validator("encoding")
    @classmethod
    def _is_a_charset(cls, given: str | None) -> str | None:
        from pipeline_lib.ingest.labels import codec_of
        from pipeline_lib.ingest.streams import NOT_LIKE_ASCII

        if given is not None and not codec_of(given) and given.lower() not in NOT_LIKE_ASCII:
            raise ValueError("no charset that browsers know has this name. Usual are gbk, big5, euc-kr, windows-1252")
        return given

    def files(self) -> Listing:
        """All files below the folder that a reader takes and the patterns do not leave out."""
        listing = Listing()
        root = self._root()
        if root.is_file():
            self._sort(root.name, str(root), listing)
        else:
            for path, place in _walk(root, "", os.path.realpath(root), listing):
                self._sort(path, place, listing)
        return listing.in_order()

    def locate(self, paths: Collection[str]) -> dict[str, Path]:
        """The places below the folder."""
        root = self._root()
        return {root.name: root} if root.is_file() else {path: root / path for path in paths}

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """What the reader of its suffix makes of a file."""
        from pipeline_lib.ingest.readers import READERS, read_with

        options = ReadOptions(
            limits.max_document_bytes,
            limits.max_expansion,
            text_field=self.text_field,
            id_field=self.id_field,
            record_format=self.record_format,
            text_template=self.text_template,
            title_field=self.title_field,
            licence_field=self.licence_field,
            metadata_fields=tuple(self.metadata_fields.items()),
            delimiter=self.delimiter,
            encoding=self.encoding or "",
        )
        records = read_with(READERS, file, options)
        return records if self.licence is None else (_licensed(record, self.licence) for record in records)

    def why_not_read(self, path: str) -> str | None:
        """Under which kind a file of the folder is passed over; None for one that is read, or is not there."""
        root, listing = self._root(), Listing()
        parent = Path(path).parent
        if (root / parent).is_dir() and not parent.is_absolute() and ".." not in parent.parts:
            entries = list(os.scandir(root / parent))
            not_read = of_tools(root / parent, {entry.name for entry in entries})
            for entry in entries:
                if entry.name == path.rpartition("/")[2]:
                    reason = not_read.get(entry.name) or _refusal(entry, os.path.realpath(root))
                    listing.pass_over(reason) if reason else self._sort(path, entry.path, listing)
        return next(iter(listing.passed_over), None)

    def _root(self) -> Path:
        root = self.path.expanduser()
        if not root.exists():
            raise SettingsError(
                f"ingest: the path of source {self.name!r} does not exist: {root}. "
                "Create it or correct `path` in its settings."
            )
        return root

    def _sort(self, path: str, place: str, listing: Listing) -> None:
        """Take a file, or count it where it belongs."""
        from pipeline_lib.ingest.kinds import kind_of, untaken
        from pipeline_lib.ingest.readers import READERS

        is_included = "*" in self.include or any(fnmatchcase(path, pattern) for pattern in self.include)
        if not is_included or any(fnmatchcase(path, pattern) for pattern in self.exclude):
            listing.pass_over("excluded", path)
        elif kind_of(path)[0] not in READERS:
            listing.pass_over(untaken(path), path)
        else:
            listing.files[path] = place


def _walk(folder: Path, prefix: str, real_root: str, listing: Listing) -> Iterator[tuple[str, str]]:
    """All files below `folder`. What is no file of this source is counted."""
    try:
        entries = list(os.scandir(folder))
    except OSError as exc:  # passing over it would look as if all of its files were gone
        raise translate_os_error(exc, folder) from exc
    not_read = of_tools(folder, {entry.name for entry in entries})
    for entry in entries:
        path = prefix + entry.name
        reason = not_read.get(entry.name) or _refusal(entry, real_root)
        if reason is not None:
            listing.pass_over(reason, None if reason in NAMELESS else path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{path}/", real_root, listing)
        else:
            yield path, entry.path


def _licensed(item: Record | Bad, licence: str) -> Record | Bad:
    return item if isinstance(item, Bad) or item.licence else item._replace(licence=licence)


NAMELESS = ("hidden", "name that is not UTF-8")


def _refusal(entry: "os.DirEntry[str]", real_root: str) -> str | None:
    """Why an entry is neither a folder to search nor a file to read, or None.

    A link to a file counts if the file lies within the root, or among the blobs of the snapshot that the root is; links
    to folders never do.
    """
    if entry.name.startswith("."):
        return "hidden"
    if not entry.name.isprintable() and any("\udc80" <= sign <= "\udcff" for sign in entry.name):
        return "name that is not UTF-8"
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return None
    return _refused_link(entry, real_root) if entry.is_symlink() else "neither file nor folder"


def _refused_link(entry: "os.DirEntry[str]", real_root: str) -> str | None:
    try:
        if entry.is_dir():
            return "link to a folder"
        if not entry.is_file():
            return "link to nothing"
    except OSError:  # a link to itself
        return "link to nothing"
    target = Path(os.path.realpath(entry.path))
    is_ours = target.is_relative_to(real_root) or is_of_hub(target, Path(real_root))
    return None if is_ours else "link out of the source"
