"""A tokenizer of a few texts, and runs with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers

from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.store.tokens import open_tokens
from pipeline_lib.tokenize import stage, vocabulary
from pipeline_lib.tokenize.settings import TokenizeSettings
from tests.given import given

# Two languages, code, and what tokenizers stumble over.
TEXTS = [
    "The night is young, and the model isn't trained yet. " * 4,
    "夜间流水线把新的文档清洗、去重、脱敏，然后训练模型。今天的新闻，明天的模型。" * 4,
    "def night(model: str) -> int:\n    return len(model)  # 模型\n\n\n\treturn 12345\r\n",
    "é e\u0301 ﬁ ½ 🌙👩‍💻 \u200b\u2028 ١٢٣ हिन्दी कोश",
]


@dataclass(frozen=True)
class Tokenized:
    """What a run has written."""

    folder: Path
    outcome: Outcome

    @property
    def ids(self) -> list[list[int]]:
        shard = open_tokens(self.folder / "tokens.arrow")
        return [shard.of(row).tolist() for row in range(len(shard.lengths))]

    @property
    def counts(self) -> list[int]:
        counts: list[int] = pq.read_table(self.folder / "counts.parquet")["count"].to_pylist()
        return counts

    @property
    def ledger(self) -> list[dict[str, Any]]:
        ledger: list[dict[str, Any]] = pq.read_table(self.folder / "ledger.parquet").to_pylist()
        return ledger


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write({"url": "text"})` gives the folder of a shard of documents; their ids are spread like hashes."""
    numbers = iter(range(1000))

    def shard(texts: Mapping[str, str], languages: Mapping[str, str] | None = None) -> Path:
        rows = [
            {
                "document_id": f"{number * 0x9E3779B1 % 2**32:08x}",
                "source": "s",
                "url": url,
                "format": "text",
                "language": (languages or {}).get(url),
                "text": text,
            }
            for number, (url, text) in enumerate(texts.items())
        ]
        folder = tmp_path / f"documents-{next(numbers)}"
        folder.mkdir()
        write_parquet(pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), folder / DOCUMENTS_FILE)
        return folder

    return shard


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., tuple[Path, Outcome]]:
    """`train(shard, ..., **settings)` gives a tokenizer folder and the outcome."""
    numbers = iter(range(1000))

    def run(*documents: Path, **settings: Any) -> tuple[Path, Outcome]:
        folder = tmp_path / f"tokenizer-{next(numbers)}"
        folder.mkdir()
        chosen = TokenizeSettings(**{"vocab_size": 600} | settings).only(stage.LEARN.reads)
        return folder, stage.LEARN.make(chosen, given(documents=documents), folder)

    return run


@pytest.fixture
def folder(write: Write, train: Callable[..., tuple[Path, Outcome]], shard_texts: dict[str, str]) -> Path:
    """A tokenizer of TEXTS."""
    return train(write(shard_texts))[0]


@pytest.fixture
def shard_texts() -> dict[str, str]:
    return {str(number): text for number, text in enumerate(TEXTS)}


@pytest.fixture
def bpe(folder: Path) -> tokenizers.Tokenizer:
    return vocabulary.load(folder)


@pytest.fixture
def tokenize(tmp_path: Path, folder: Path, write: Write) -> Callable[..., Tokenized]:
    """`tokenize({"url": "text"}, languages={"url": "en"})`."""
    numbers = iter(range(1000))

    def run(texts: Mapping[str, str], tokenizer: Path = folder, **more: Any) -> Tokenized:
        out = tmp_path / f"tokens-{next(numbers)}"
        out.mkdir()
        inputs = given(documents=write(texts, **more), tokenizer=tokenizer)
        return Tokenized(out, stage.ENCODE.make(TokenizeSettings().only(stage.ENCODE.reads), inputs, out))

    return run
