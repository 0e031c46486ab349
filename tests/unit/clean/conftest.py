"""A way to clean a few texts through files, as the engine does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.clean import stage
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA, read_documents
from pipeline_lib.store.tables import write_parquet


@dataclass(frozen=True)
class Result:
    outcome: Outcome
    documents: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    folder: Path

    @property
    def reasons(self) -> list[str | None]:
        return [row["reason"] for row in self.ledger]


Clean = Callable[..., Result]


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """clean(texts, formats=..., **settings): the documents are named "0", "1", ... in their order."""

    def run(texts: Sequence[str], *, formats: Sequence[str] | None = None, **settings: Any) -> Result:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        names = [str(i) for i in range(len(texts))]
        columns = [names, ["s"] * len(texts), names, formats or ["text"] * len(texts), [None] * len(texts), texts]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, DOCUMENTS_SCHEMA, strict=True)]
        source = folder.with_suffix(".parquet")
        write_parquet(pa.table(arrays, schema=DOCUMENTS_SCHEMA), source)
        outcome = stage.run(CleanSettings(**settings), source, folder)
        ledger = pq.read_table(folder / "ledger.parquet").to_pylist()
        return Result(outcome, read_documents(folder / "documents.parquet").to_pylist(), ledger, folder)

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
