"""The documents that help texts and README name are documents of the demo: who copies an example gets an answer."""

import io
import re
from pathlib import Path

import pytest
import typer

from flows.cli import app
from pipeline_lib.ingest.records import Limits, Record, SourceFile
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource

LIMITS = Limits(4 << 20, 200)
NAME = re.compile(r"\b[\w./-]+/[\w./-]+\.py#[\w.]+|\b[\w-]+\.dist-info/\w+")


def said() -> str:
    """All that the commands say of themselves, and README."""
    group = typer.main.get_command(app)
    texts = [Path(__file__).parents[3].joinpath("README.md").read_text(encoding="utf-8")]
    for command in group.commands.values():  # type: ignore[attr-defined]
        texts += [command.help or "", *(getattr(option, "help", None) or "" for option in command.params)]
    return "\n".join(texts)


def test_there_are_examples() -> None:
    assert len(set(NAME.findall(said()))) >= 2


@pytest.mark.parametrize("name", sorted(set(NAME.findall(said()))))
def test_a_document_that_is_named_is_one_of_the_demo(name: str) -> None:
    source = InstalledDocsSource()
    path, _, part = name.partition("#")
    data = Path(source.files().files[path]).read_bytes()
    read = source.read(SourceFile(path, io.BytesIO(data), len(data)), LIMITS)
    assert (part or None) in [record.part for record in read if isinstance(record, Record)]
