"""`sql`: the rows of a table or a query in any database that SQLAlchemy speaks to.

A database has no files: its rows land first (landing.py), and what landed is read. What is asked for is one SELECT in
one transaction, in the order of the ids and in pieces, so that memory does not follow the size of a table. With an
`incremental_column` only rows at or above the last value are fetched, and the ids of all, to notice which are gone and
which came under an older value; a change that is committed late under an older value is missed until the next one.
Without one all rows are fetched, and those that differ in nothing are left alone.
"""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.secrets import names_a_secret
from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.records import FileSource, Format, Slug, SourceSettings
from pipeline_lib.store.artifact import Outcome, digest_of
from pipeline_lib.store.forgotten import Refused


class SqlSource(SourceSettings):
    """A table or a query of a database: a document a row."""

    kind: Literal["sql"] = "sql"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    url: str = Field(
        description="Address of the database for SQLAlchemy (postgresql://user@host/name, sqlite:///file.db), without "
        "its password.",
        json_schema_extra=operational(),
    )
    password_variable: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the password.",
        json_schema_extra=operational(),
    )
    table: str | None = Field(default=None, min_length=1, description='Table to read: "articles" or "schema.articles".')
    query: str | None = Field(default=None, min_length=1, description="SELECT to read instead of a table.")
    id_column: str = Field(default="id", min_length=1, description="Column that names a row: unique, never changed.")
    text_column: str = Field(default="text", min_length=1, description="Column that holds the text.")
    # What was fetched before and is the same now is left alone either way: these say how little has to be fetched.
    incremental_column: str | None = Field(
        default=None,
        description="Column that grows whenever a row is added or changed: only what is new in it is fetched.",
        json_schema_extra=operational(),
    )
    deleted_column: str | None = Field(
        default=None, description="Column that marks rows as deleted: true, not 0, or a time. They are withdrawn."
    )
    title_column: str | None = Field(default=None, description="Column that holds the title.")
    licence_column: str | None = Field(default=None, description="Column that names the licence.")
    url_column: str | None = Field(
        default=None, description="Column that holds the address of a row, unique as the id is; else it is table#id."
    )
    metadata_columns: tuple[str, ...] = Field(default=(), description="Columns to take along as metadata.")
    record_format: Format = Field(default="text", description="What the text is written in.")

    @field_validator("url")
    @classmethod
    def _has_no_password(cls, given: str) -> str:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(given)
        except (ArgumentError, ValueError):
            raise ValueError(
                "this is no address that SQLAlchemy understands. Write dialect://user@host/name, without a password"
            ) from None
        if url.password is not None or names_a_secret(url.query.items()):
            raise ValueError(
                "there is a password or another secret in the address. Take it out: put a password into an environment "
                "variable and name that variable in password_variable; put what is no password into the variable or "
                "the file from which the driver takes it by itself"
            )
        return given

    @model_validator(mode="after")
    def _is_table_or_query(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either a table or a query")
        return self

    @property
    def asks(self) -> str:
        """The digest of what is asked for. The last value counts for the same question only."""
        return digest_of({**self.decisive(), "incremental_column": self.incremental_column})

    def password(self) -> str | None:
        """The password, if one is needed. Raises `SettingsError` when its variable is not set."""
        if self.password_variable is None:
            return None
        try:
            return os.environ[self.password_variable]
        except KeyError as exc:
            raise SettingsError(
                f"ingest: source {self.name!r} needs its password in the environment variable "
                f"{self.password_variable}, which is not set. Set it and run again."
            ) from exc

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Fetch the rows, and write those that are new or changed since the landing before."""
        from pipeline_lib.ingest.landing import Landing
        from pipeline_lib.ingest.sql_rows import connected, fetch

        opened = Landing(self.name, self.asks, folder, before, places, refused)
        with opened as landing, connected(self) as connection:
            last = fetch(self, connection, landing)
            return landing.write(last, max_gone_share)

    def landed(self, landing: Path) -> FileSource:
        """The pieces of a landing."""
        from pipeline_lib.ingest.landed import LandedRows

        return LandedRows(landing, self.record_format)
