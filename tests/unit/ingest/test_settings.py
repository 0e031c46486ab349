"""What `[ingest]` takes and what it refuses."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources.crawl import CrawlSource
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource
from pipeline_lib.ingest.sources.sql import SqlSource
from pipeline_lib.store.workspace import Batch


def test_the_kind_chooses_the_source() -> None:
    settings = IngestSettings.model_validate(
        {"sources": [{"kind": "files", "name": "laws-zh", "path": "x"}, {"kind": "installed_docs"}]}
    )
    assert [type(source) for source in settings.sources] == [FilesSource, InstalledDocsSource]


def test_the_default_is_the_embedded_source() -> None:
    assert IngestSettings().sources == (InstalledDocsSource(),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"sources": []}, "at least 1"),
        ({"sources": [{"kind": "ftp", "name": "a"}]}, "ftp"),
        ({"sources": [{"kind": "files", "name": "Not A Slug", "path": "x"}]}, "pattern"),
        ({"sources": [{"kind": "files", "name": "a", "path": "x", "pth": "y"}]}, "pth"),
        ({"sources": [{"kind": "installed_docs"}, {"kind": "installed_docs"}]}, "several sources are named"),
        ({"max_bad_share": 1.5}, "less than or equal to 1"),
        ({"max_document_bytes": 0}, "greater than or equal to 1024"),
    ],
)
def test_a_setting_that_cannot_be_honoured_is_refused(value: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        IngestSettings.model_validate(value)


ARRIVED = [
    Batch(number, "docs", "", arrived=day) for number, day in enumerate(("", "2026-05-01", "2026-05-03"), start=1)
]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({}, {}),
        ({"arrived_from": "2026-05-01"}, {"after": 1}),  # when the first one arrived is not known: long ago
        ({"arrived_from": "2026-05-02"}, {"after": 2}),
        ({"arrived_from": "2027-01-01"}, {"after": 3}),
        ({"arrived_until": "2026-05-01"}, {"before": 3}),
        ({"arrived_until": "2026-05-03"}, {}),
        ({"arrived_until": "2026-04-30"}, {"before": 2}),
        ({"arrived_from": "2026-05-01", "arrived_until": "2026-05-01"}, {"after": 1, "before": 3}),
    ],
)
def test_days_are_asked_for_by_the_numbers_of_the_batches_between_them(
    days: dict[str, str], expected: dict[str, int]
) -> None:
    source = FilesSource.model_validate({"name": "docs", "path": "x", **days})
    assert source.asked(ARRIVED) == {"source": "docs", **expected}


def test_days_that_nothing_lies_between_are_refused() -> None:
    with pytest.raises(ValidationError, match="arrived_from is later than arrived_until"):
        InstalledDocsSource.model_validate({"arrived_from": "2026-05-02", "arrived_until": "2026-05-01"})


SQL = {"kind": "sql", "name": "db", "table": "articles"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret@host/name",
        "postgresql+psycopg://user:s3cret@/name?host=/run/postgresql",
        "postgresql://host/name?user=u&password=s3cret",
        "mysql://host/name?passwd=s3cret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Du%3BPWD%3Ds3cret",
        "snowflake://user@account/name?token=s3cret",
        "duckdb:///md:name?motherduck_token=s3cret",
        "bigquery://project?credentials_base64=s3cret",
        "awsathena+rest://@host/name?aws_secret_access_key=s3cret",
        "awsathena+rest://@host/name?awsSecretAccessKey=s3cret",
        "clickhouse://host/name?api_key=s3cret",
        "clickhouse://host/name?API-Key=s3cret",
        "druid://host/name?authkey=s3cret",
        "snowflake://user@account/name?private_key=s3cret",
        "snowflake://user@account/name?private_key_passphrase=s3cret",
        "snowflake://user@account/name?passcode=s3cret",
        "postgresql://host/name?sslpassword=s3cret",
        "oracle://host/name?client_secret=s3cret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Du%3BAccessToken%20%3D%20s3cret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BAccount%20Key%3Ds3cret",
        "mysql://host/name?credential=a&credential=s3cret",
    ],
)
def test_a_secret_in_the_address_of_a_database_is_refused(url: str) -> None:
    with pytest.raises(
        ValidationError,
        match=r"there is a password or another secret in the address.*name that variable in password_variable",
    ):
        IngestSettings.model_validate({"sources": [{**SQL, "url": url}]})


@pytest.mark.parametrize("url", ["", "host/name", "user:s3cret@host"])
def test_what_is_no_address_of_a_database_is_refused_without_showing_it(url: str) -> None:
    """The settings tree shows no value where the message speaks of a password."""
    with pytest.raises(ValidationError) as refused:
        IngestSettings.model_validate({"sources": [{**SQL, "url": url}]})
    assert "without a password" in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize("asked", [{}, {"table": "a", "query": "SELECT 1"}])
def test_a_sql_source_has_a_table_or_a_query(asked: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either a table or a query"):
        SqlSource(name="db", url="sqlite:///a.db", **asked)


def test_addresses_without_a_password_are_taken() -> None:
    for url in (
        "sqlite:///a.db",
        "postgresql://user@host:5432/name?sslmode=require",
        "postgresql://user@host/name?passfile=/run/secrets/pgpass&sslkey=/run/secrets/client.key",
        "mysql+pymysql://host/passages",
        "mysql+pymysql://host/tokens?ssl_key=/run/a.pem",
        "bigquery://project?credentials_path=/run/secrets/google.json",
        "snowflake://user@account/name?private_key_file=/run/secrets/key.p8",
    ):
        assert SqlSource(name="db", url=url, table="articles").url == url


def test_where_a_source_lies_decides_nothing() -> None:
    sources = (
        FilesSource(name="a", path="/one", include=("*",), exclude=()),
        FilesSource(name="a", path="/two", include=("*.txt",), exclude=("b",)),
    )
    assert sources[0].decisive() == sources[1].decisive()
    assert {"path", "include", "exclude"}.isdisjoint(sources[0].decisive())
    assert {"url", "password_variable"}.isdisjoint(SqlSource(name="a", url="sqlite://", table="t").decisive())
    assert {"packages", "max_package_bytes"}.isdisjoint(InstalledDocsSource().decisive())


def test_only_what_is_read_of_a_file_decides() -> None:
    assert set(IngestSettings().decisive()) == {"max_document_bytes", "max_expansion"}


def test_the_stage_is_light_to_import() -> None:
    heavy = "pyarrow", "numpy", "xxhash", "zstandard", "sqlalchemy"
    code = f"import sys, pipeline_lib.ingest.works; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


CRAWL = {"kind": "crawl", "name": "web", "seeds": ("https://example.org/",), "contact": "bot@example.org"}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"seeds": ()}, "at least 1 item"),
        ({"seeds": ("https://example.org/", "example.org")}, "seed 2 is no address of a page"),
        ({"seeds": ("ftp://example.org/",)}, "seed 1 is no address of a page"),
        ({"seeds": ("https://user:s3cret@example.org/",)}, "seed 1 carries a user"),
        ({"seeds": ("https://example.org/?api_key=s3cret",)}, "seed 1 carries a user"),
        ({"contact": "bot\r\nX: y"}, "pattern"),
        ({"contact": ""}, "at least 3 characters"),
        ({"allow": ("/docs/",)}, "allow names hosts"),
        ({"allow": ("exa mple.org",)}, "pattern 1 names no host"),
        ({"deny": ("example.org:x/",)}, "pattern 1 names no host"),
        ({"allow_private": ("http://localhost",)}, "entry 1 is no host"),
        ({"seconds_between_requests": -1}, "greater than or equal to 0"),
        ({"max_pages": 0}, "greater than or equal to 1"),
    ],
)
def test_a_crawl_that_cannot_be_is_refused_without_a_secret(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault) as raised:
        IngestSettings.model_validate({"sources": [{**CRAWL, **fields}]})
    error, *_ = raised.value.errors()
    assert "s3cret" not in error["msg"]
    assert "password" in error["msg"] or "s3cret" not in str(error["input"])  # then the tree shows no value


def test_only_the_name_of_a_crawl_decides_how_its_pages_are_read() -> None:
    assert CrawlSource(**CRAWL).decisive() == {"kind": "crawl", "name": "web"}


def test_the_crawl_of_the_docs_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "crawl.md").read_text(encoding="utf-8")
    written = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])
    (source,) = IngestSettings.model_validate(written["ingest"]).sources
    assert isinstance(source, CrawlSource)
    assert all(f"`{name}`" in page or f"{name} =" in page for name in ("max_pages", "max_depth", "allow_private"))
