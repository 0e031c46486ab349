"""A way to clean a few texts through files, maker after maker, as the engine does."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signal_groups import groups_asked
from pipeline_lib.clean.stage import GROUPS_ASKED, JUDGE, SIGNALS, TERMS, TEXT
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import TableWriter, read_table
from tests.given import given

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """What the four makers wrote: all documents, and a row of each other file for each of them."""

    outcomes: Mapping[str, Outcome]
    folders: Mapping[str, Path]
    seconds: Mapping[str, float]  # of CPU, of each maker

    def table(self, maker: Maker, file: str) -> pa.Table:
        return read_table(self.folders[maker.name] / file)

    def rows(self, maker: Maker, file: str) -> Rows:
        return self.table(maker, file).to_pylist()

    @property
    def texts(self) -> Rows:
        return self.rows(TEXT, "documents.parquet")

    @property
    def extraction(self) -> Rows:
        return self.rows(TEXT, "extraction.parquet")

    @property
    def signals(self) -> Rows:
        return self.rows(SIGNALS, "signals.parquet")

    @property
    def terms(self) -> Rows:
        return self.rows(TERMS, "terms.parquet")

    @property
    def ledger(self) -> Rows:
        return self.rows(JUDGE, "ledger.parquet")

    @property
    def reasons(self) -> list[str | None]:
        return [row["reason"] for row in self.ledger]

    @property
    def judged(self) -> Outcome:
        return self.outcomes[JUDGE.name]


Clean = Callable[..., Result]


def documents_of(texts: Sequence[str], formats: Sequence[str] | None = None) -> pa.Table:
    """documents.v2: the documents are named "0", "1", ... in their order."""
    names = [str(number) for number in range(len(texts))]
    columns = {
        "document_id": names,
        "source": ["s"] * len(texts),
        "url": names,
        "format": formats or ["text"] * len(texts),
        "text": texts,
    }
    nothing = [None] * len(texts)
    arrays = [pa.array(columns.get(field.name, nothing), field.type) for field in DOCUMENTS_SCHEMA]
    return pa.table(arrays, schema=DOCUMENTS_SCHEMA)


def clean_documents(documents: pa.Table, folder: Path, *, rows_in_a_piece: int = 8_192, **settings: Any) -> Result:
    """Let each maker do its work in a folder of its own, with nothing in its settings but what it reads."""
    whole = CleanSettings(**settings)
    folders = {name: folder / name for name in ("ingest", *(maker.name for maker in (TEXT, SIGNALS, TERMS, JUDGE)))}
    for path in folders.values():
        path.mkdir(parents=True)
    with TableWriter(folders["ingest"] / "documents.parquet", DOCUMENTS_SCHEMA) as writer:
        for start in range(0, len(documents), rows_in_a_piece):
            writer.write(documents.slice(start, rows_in_a_piece))
    text, signals, terms = folders[TEXT.name], folders[SIGNALS.name], folders[TERMS.name]
    inputs = {
        TEXT: {"documents": folders["ingest"]},
        SIGNALS: {"text": text},
        TERMS: {"text": text, "signals": signals},
        JUDGE: {"text": text, "signals": signals, "terms": terms},
    }
    outcomes: dict[str, Outcome] = {}
    seconds: dict[str, float] = {}
    params = {GROUPS_ASKED: groups_asked(whole.rules)}
    for maker, named in inputs.items():
        found = given(said={"text": outcomes.get(TEXT.name, Outcome(0, 0))}, params=params, **named)
        started = time.process_time()
        outcomes[maker.name] = maker.make(whole.only(maker.reads), found, folders[maker.name])
        seconds[maker.name] = time.process_time() - started
    return Result(outcomes, folders, seconds)


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """clean(texts, formats=..., rows_in_a_piece=..., **settings)."""

    def run(texts: Sequence[str], *, formats: Sequence[str] | None = None, **settings: Any) -> Result:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        return clean_documents(documents_of(texts, formats), folder, **settings)

    return run


@pytest.fixture
def english() -> str:
    """80 words of prose that every default rule keeps."""
    return (
        "The night shift begins when the last of the writers has gone home. Machines read what was written during "
        "the day, and they decide with care which pages are worth another look. A page that repeats itself is put "
        "aside, and so is one that says nothing at all. What remains is cut into small pieces, counted twice, and "
        "handed to a model that has to learn from it before morning comes. Nobody watches, but everything that "
        "happens can be read in a ledger the next day."
    )


@pytest.fixture
def chinese() -> str:
    """Chinese prose of 130 characters that every default rule keeps."""
    return (
        "夜里没有人值班，机器自己读完白天写下的文章，然后决定哪些值得留下。内容重复的页面会被放到一边，"
        "没有意义的也一样。剩下的文字被切成小块，统计两遍，再交给模型去学习。\n"
        "到了早上，大家可以在账本里看到每一篇文档的去向：为什么保留，为什么删除，依据的是哪一条规则。"
        "如果规则不合适，改一个数字就行，不必重新下载任何东西。"
    )
