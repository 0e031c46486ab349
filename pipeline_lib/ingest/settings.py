"""The settings of `[ingest]`: the sources of documents and the limits of what is read from them."""

from typing import Self

from pydantic import Field, model_validator

from pipeline_lib.base.settings import StageSettings, operational
from pipeline_lib.ingest.records import KIB, MIB
from pipeline_lib.ingest.sources import Source
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource


class IngestSettings(StageSettings):
    """What is read, and how much of it may be broken."""

    # What of a source decides how it is read enters the digest of each shard (plan.py), and no other source's.
    sources: tuple[Source, ...] = Field(
        default=(InstalledDocsSource(),),
        min_length=1,
        description="Where documents come from; each has its batches.",
        json_schema_extra=operational(),
    )
    max_shard_bytes: int = Field(
        default=8 * MIB,
        ge=1,
        description="Files are grouped into shards up to this: new ones as stored, changed ones by the text that is "
        "new in them; a larger file is one of its own, or several.",
        json_schema_extra=operational(unit="bytes"),  # a shard is named by what is read into it
    )
    max_document_bytes: int = Field(
        default=4 * MIB,
        ge=KIB,
        le=256 * MIB,
        description="A longer line or file is quarantined without being read whole: a plain loop needs 642 MB for a "
        "300 MB line, a bounded one 26.",
        json_schema_extra={"unit": "bytes"},
    )
    max_expansion: int = Field(
        default=200,
        ge=2,
        description="A .gz or .zst that grows beyond this (and 16 MiB) is a bomb and is read no further. Text grows "
        "3 to 30 times, a bomb 1,000 to 32,000 times.",
        json_schema_extra={"unit": "times"},
    )
    max_bad_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="The night stops when more of a batch's records than this (and more than one) are quarantined.",
        json_schema_extra=operational(unit="ratio"),
    )
    max_gone_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The night stops when more of a source's files, or of a table's rows, than this are gone at once: "
        "an unmounted disk looks like a withdrawal of everything.",
        json_schema_extra=operational(unit="ratio"),
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [source.name for source in self.sources]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several sources are named {repeated[0]!r}: give each a name of its own")
        return self

    def source(self, name: str) -> Source:
        """The source of this name. Raises `KeyError` when there is none."""
        return {source.name: source for source in self.sources}[name]
