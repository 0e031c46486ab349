"""What sources of files have in common: which names are taken, and which fields of a record make a document."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydantic import Field, field_validator

from pipeline_lib.base.settings import neutral, operational
from pipeline_lib.ingest.records import Bad, Format, Limits, ReadOptions, Record, SourceFile, SourceSettings


class MappedSource(SourceSettings):
    """Files, told apart by their suffixes, with a mapping of fields and a charset for all of them."""

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

    def why_not(self, path: str) -> str:
        """Under which kind a file of this path is passed over; "" where it is taken."""
        from pipeline_lib.ingest.kinds import kind_of, untaken
        from pipeline_lib.ingest.readers import READERS

        is_included = "*" in self.include or any(fnmatchcase(path, pattern) for pattern in self.include)
        if not is_included or (self.exclude and any(fnmatchcase(path, pattern) for pattern in self.exclude)):
            return "excluded"
        return "" if kind_of(path)[0] in READERS else untaken(path)


def _licensed(item: Record | Bad, licence: str) -> Record | Bad:
    return item if isinstance(item, Bad) or item.licence else item._replace(licence=licence)
