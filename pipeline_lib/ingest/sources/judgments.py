"""`judgments`: a folder of court judgments, whose court, number, date and parties are told as metadata.

Files are found and read as those of `files` are (HTML, PDF, Word, text, records); then rules on the text look for what
a judgment says of itself at its beginning and end (judgments/chinese.py, judgments/english.py). What they do not find
is absent. Names of natural persons are never among it, nor are author, title and date of a file: the first two name
persons, and the third is that of the file (docs/decisions/0035).
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.judgments.found import Parties
from pipeline_lib.ingest.kinds import ARCHIVES, kind_of
from pipeline_lib.ingest.mapped import MappedSource
from pipeline_lib.ingest.records import Bad, Limits, Listing, Record, Slug, SourceFile
from pipeline_lib.ingest.sources.files import FilesSource

OF_THE_FILE = ("author", "date")
OF_RECORDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".feather")


class JudgmentsSource(MappedSource):
    """A folder (or one file) of court judgments, Chinese or English, in all formats that `files` reads."""

    kind: Literal["judgments"] = "judgments"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    path: Path = Field(
        description="The folder, searched with its subfolders, or one file. Hidden files are skipped.",
        json_schema_extra=operational(),
    )
    parties: Parties = Field(
        default="organisations",
        description='What is told of parties: "organisations" (roles, and names of organisations), "roles", "none". '
        "Names of natural persons are never told.",
    )
    rules: Literal["judgments.v1"] = Field(default="judgments.v1", description="The rules, by their version.")

    def files(self) -> Listing:
        """See `FilesSource`."""
        return self._folder().files()

    def locate(self, paths: Collection[str]) -> dict[str, Path]:
        """See `FilesSource`."""
        return self._folder().locate(paths)

    def why_not_read(self, path: str) -> str | None:
        """See `FilesSource`."""
        return self._folder().why_not_read(path)

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """The records of a file, each with what it says of itself."""
        for item in super().read(file, limits):
            if isinstance(item, Bad):
                yield item
                continue
            given = dict(item.metadata or {})
            if not _is_record(file.path, item):  # of a record, these are what the settings ask for
                given = {name: value for name, value in given.items() if name not in OF_THE_FILE}
                item = item._replace(title=None)
            yield item._replace(metadata={**_told_of(item, self.parties), **given} or None)

    def _folder(self) -> FilesSource:
        return FilesSource(name=self.name, path=self.path, include=self.include, exclude=self.exclude)


def _is_record(path: str, item: Record) -> bool:
    """Whether a text is a row of data, whose fields the settings name: by its file, or the member of an archive."""
    suffix, _ = kind_of(path)
    if suffix in ARCHIVES:
        suffix, _ = kind_of((item.part or "").partition("#")[0])
    return suffix in OF_RECORDS


def _told_of(item: Record, parties: Parties) -> dict[str, str]:
    """What a text says of itself; nothing where a rule fails on it."""
    from pipeline_lib.ingest.judgments.rules import told_of

    try:
        return told_of(item.text, is_html=item.format == "html").told(parties)
    except Exception:  # noqa: BLE001 - a text that trips a rule is a text all the same, and stops no night
        return {}
