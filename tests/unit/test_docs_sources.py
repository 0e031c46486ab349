"""docs/sources.md: its examples are settings that work."""

import re
import tomllib
from pathlib import Path

import pytest

from pipeline_lib.ingest.readers import READERS
from pipeline_lib.ingest.settings import IngestSettings

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: tomllib.loads(example)["ingest"]["sources"][0]["name"]
)
def test_an_example_of_the_page_is_a_source(example: str) -> None:
    (source,) = IngestSettings(**tomllib.loads(example)["ingest"]).sources
    assert source.name in example


def test_its_table_of_suffixes_is_that_of_the_readers() -> None:
    (table,) = re.findall(r"^\| suffix \|.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`\.[^|]*) \|", table, re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\.\w+)`", row)) == sorted(READERS)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 3
