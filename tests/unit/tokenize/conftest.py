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
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.store.token_shards import RowTable, open_rows
from pipeline_lib.tokenize import stage, vocabulary
from pipeline_lib.tokenize.settings import TokenizeSettings

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
    settings: TokenizeSettings

    @property
    def rows(self) -> RowTable:
        return open_rows([self.folder / "train.arrow"])

    @property
    def stream(self) -> list[int]:
        """The stream behind the rows, with its padding."""
        rows = [self.rows.rows[index].tolist() for index in range(self.rows.num_rows)]
        return (rows[0][:1] if rows else []) + [token for row in rows for token in row[1:]]

    @property
    def ledger(self) -> list[dict[str, Any]]:
        ledger: list[dict[str, Any]] = pq.read_table(self.folder / "ledger.parquet").to_pylist()
        return ledger

    @property
    def heldout(self) -> list[dict[str, Any]]:
        heldout: list[dict[str, Any]] = pq.read_table(self.folder / "heldout.parquet").to_pylist()
        return heldout


Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write({"url": "text"})` gives the path of a shard of documents; their ids are spread like hashes."""
    numbers = iter(range(1000))

    def shard(texts: Mapping[str, str]) -> Path:
        rows = [
            {
                "document_id": f"{number * 0x9E3779B1 % 2**32:08x}",
                "source": "s",
                "url": url,
                "format": "text",
                "text": text,
            }
            for number, (url, text) in enumerate(texts.items())
        ]
        path = tmp_path / f"documents-{next(numbers)}.parquet"
        write_parquet(pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), path)
        return path

    return shard


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., tuple[Path, Outcome]]:
    """`train(path, ..., **settings)` gives a tokenizer folder and the outcome."""
    numbers = iter(range(1000))

    def run(*documents: Path, **settings: Any) -> tuple[Path, Outcome]:
        folder = tmp_path / f"tokenizer-{next(numbers)}"
        folder.mkdir()
        return folder, stage.train_tokenizer(TokenizeSettings(**{"vocab_size": 600} | settings), documents, folder)

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
    """`tokenize({"url": "text"}, tokenizer=..., **settings)`; nothing is held out unless asked for."""
    numbers = iter(range(1000))

    def run(texts: Mapping[str, str], tokenizer: Path = folder, **settings: Any) -> Tokenized:
        out = tmp_path / f"tokens-{next(numbers)}"
        out.mkdir()
        chosen = TokenizeSettings(**{"sequence_length": 8, "heldout_share": 1e-9} | settings)
        return Tokenized(out, stage.run(chosen, tokenizer, write(texts), out), chosen)

    return run
