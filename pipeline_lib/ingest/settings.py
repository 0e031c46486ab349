"""The settings of `[ingest]`: the sources of documents and the limits of what is read from them."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline_lib.base.settings import StageSettings

KIB, MIB = 1 << 10, 1 << 20
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]

# Packages that Nightshift brings along anyway: 12 MB of README, documentation and docstrings, with the near-duplicates
# (functions documented alike, licences) and the addresses of real text. torch and transformers are left out: 16 s of
# parsing for 13 MB, much of it repeated. `packages` in the settings takes any other list.
DEMO_PACKAGES = (
    "accelerate",
    "datasketch",
    "fastapi",
    "ftfy",
    "mlflow",
    "numpy",
    "pandas",
    "prefect",
    "pyarrow",
    "pydantic",
    "python-stdnum",
    "rich",
    "spacy",
    "sqlalchemy",
    "trafilatura",
    "typer",
)


class FilesSource(StageSettings):
    """A folder (or one file) of txt, md, html, JSONL, CSV and Parquet files; plain, .gz or .zst."""

    kind: Literal["files"] = "files"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    path: Path = Field(description="The folder, searched with its subfolders, or one file. Hidden files are skipped.")
    include: tuple[str, ...] = Field(
        default=("*",), min_length=1, description='Patterns of relative paths to take; "*" also crosses "/".'
    )
    exclude: tuple[str, ...] = Field(default=(), description="Patterns of relative paths to leave out after that.")
    text_field: str = Field(default="text", min_length=1, description="Field or column that holds the text.")
    id_field: str | None = Field(
        default="id", description="Field or column that names a record; without one its text's hash names it."
    )
    record_format: Literal["text", "markdown", "html"] = Field(
        default="text", description="What the text of JSONL, CSV and Parquet records is written in."
    )


class InstalledDocsSource(StageSettings):
    """READMEs, documentation and docstrings of installed Python packages: real text without any network."""

    kind: Literal["installed_docs"] = "installed_docs"
    name: Slug = Field(default="installed_docs", description="Name of the source: enters document ids.")
    packages: tuple[str, ...] = Field(
        default=DEMO_PACKAGES, min_length=1, description="Names of installed distributions, as pip knows them."
    )
    min_docstring_chars: int = Field(
        default=200,
        ge=1,
        description="Shorter docstrings say too little to learn from.",
        json_schema_extra={"unit": "characters"},
    )
    max_package_bytes: int = Field(
        default=16 * MIB,
        ge=1,
        description="Files of one package, in path order, are taken up to this: bounds the time spent parsing.",
        json_schema_extra={"unit": "bytes"},
    )


Source = Annotated[FilesSource | InstalledDocsSource, Field(discriminator="kind")]


class IngestSettings(StageSettings):
    """What is read, and how much of it may be broken."""

    sources: tuple[Source, ...] = Field(
        default=(InstalledDocsSource(),), min_length=1, description="Where documents come from; each has its batches."
    )
    max_shard_bytes: int = Field(
        default=8 * MIB,
        ge=1,
        description="Files are grouped into shards up to this (as stored); a larger file is a shard of its own.",
        json_schema_extra={"unit": "bytes"},
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
        json_schema_extra={"unit": "ratio"},
    )
    max_gone_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The night stops when more of a source's files than this are gone at once: an unmounted disk "
        "looks like a withdrawal of everything.",
        json_schema_extra={"unit": "ratio"},
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [source.name for source in self.sources]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several sources are named {repeated[0]!r}: give each a name of its own")
        return self
