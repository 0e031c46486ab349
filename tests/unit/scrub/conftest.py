"""Scrub a few texts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.scrub.key import KEY_VARIABLE, ScrubKey
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.scrub.stage import TEXT
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import TableWriter
from tests.given import given

PIECE = 2  # rows of a row group of the text; ledgers and signals are written in others


@dataclass(frozen=True)
class Scrubbed:
    """What a run has written."""

    folder: Path
    outcome: Outcome

    @property
    def documents(self) -> dict[str, dict[str, Any]]:
        return {row["document_id"]: row for row in pq.read_table(self.folder / "documents.parquet").to_pylist()}

    @property
    def texts(self) -> dict[str, str]:
        return {name: row["text"] for name, row in self.documents.items()}

    @property
    def ledger(self) -> dict[str, dict[str, Any]]:
        return {row["document_id"]: row for row in pq.read_table(self.folder / "ledger.parquet").to_pylist()}


@dataclass(frozen=True)
class Shard:
    """The files that scrub reads of a shard, as folders of artifacts."""

    text: Path
    signals: Path
    judged: Path
    decided: Path

    def scrubbed(self, settings: ScrubSettings, key: ScrubKey, folder: Path) -> Scrubbed:
        folder.mkdir()
        params = {"part": 3, "key_id": key.key_id}
        named = {"text": self.text, "signals": self.signals, "judged": self.judged, "decided": self.decided}
        return Scrubbed(folder, TEXT.make(settings.only(TEXT.reads), given(params=params, **named), folder))


Scrub = Callable[..., Scrubbed]
MakeShard = Callable[..., Shard]


@pytest.fixture
def key() -> ScrubKey:
    return ScrubKey(bytes(range(32)))


@pytest.fixture
def make_shard(tmp_path: Path) -> MakeShard:
    """`make_shard({"id": "text"}, unfit=["id of a bad one"], copies=["id of a duplicate"], title="of all")`."""
    numbers = iter(range(1000))

    def make(
        texts: Mapping[str, str], unfit: Collection[str] = (), copies: Collection[str] = (), **fields: Any
    ) -> Shard:
        folder = tmp_path / f"shard-{next(numbers)}"
        shard = Shard(*(folder / name for name in ("text", "signals", "judged", "decided")))
        for path in (shard.text, shard.signals, shard.judged, shard.decided / "part-00003"):
            path.mkdir(parents=True)
        rows = [
            {"document_id": name, "source": "s", "url": name, "format": "text", "text": text, **fields}
            for name, text in texts.items()
        ]
        _write(shard.text / "documents.parquet", pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), PIECE)
        languages = ["zh" if text > "\u2e80" else None for text in texts.values()]
        _write(shard.signals / "signals.parquet", pa.table({"language": pa.array(languages, pa.string())}), PIECE)
        _write(shard.judged / "ledger.parquet", _verdicts(list(texts), unfit), PIECE + 1)
        good = [name for name in texts if name not in unfit]
        _write(shard.decided / "part-00003" / "ledger.parquet", _verdicts(good, copies), PIECE + 2)
        return shard

    return make


@pytest.fixture
def scrub(tmp_path: Path, make_shard: MakeShard, key: ScrubKey, monkeypatch: pytest.MonkeyPatch) -> Scrub:
    """`scrub({"id": "text"}, key=..., fields={"title": ...}, **settings)`; what else it may say, see `make_shard`."""
    numbers = iter(range(1000))

    def run(
        texts: Mapping[str, str], key: ScrubKey = key, fields: Mapping[str, Any] | None = None, **settings: Any
    ) -> Scrubbed:
        monkeypatch.setenv(KEY_VARIABLE, key.secret.hex())
        shard = make_shard(texts, **(fields or {}))
        return shard.scrubbed(ScrubSettings(**settings), key, tmp_path / f"scrub-{next(numbers)}")

    return run


def _verdicts(names: Collection[str], refused: Collection[str]) -> pa.Table:
    is_kept = [name not in refused for name in names]
    return pa.table({"document_id": pa.array(names, pa.string()), "is_kept": pa.array(is_kept, pa.bool_())})


def _write(path: Path, table: pa.Table, piece: int) -> None:
    with TableWriter(path, table.schema) as writer:
        for start in range(0, len(table), piece):
            writer.write(table.slice(start, piece))
