"""Nights of dedup on a few small texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.dedup import stage
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet

Shard = dict[str, str]  # text by document id


@dataclass(frozen=True)
class Decided:
    """A decided batch and what is in its files."""

    folder: Path
    outcome: Outcome

    @property
    def kept(self) -> list[str]:
        return [row["document_id"] for row in self._rows("documents.parquet")]

    @property
    def ledger(self) -> dict[str, dict[str, Any]]:
        return {row["document_id"]: row for row in self._rows("ledger.parquet")}

    @property
    def texts(self) -> Shard:
        return {row["document_id"]: row["text"] for row in self._rows("documents.parquet")}

    @property
    def bytes(self) -> dict[str, bytes]:
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return [row for path in sorted(self.folder.glob(f"part-*/{name}")) for row in pq.read_table(path).to_pylist()]


@dataclass
class Nights:
    """Decides one batch after the other, each against all before it."""

    root: Path
    settings: DedupSettings
    batches: list[Decided] = field(default_factory=list)

    def decide(self, *shards: Shard, withdrawn: Mapping[int, Sequence[str]] | None = None) -> Decided:
        """`withdrawn` are ids by the number of the batch that held them."""
        number = len(self.batches)
        pairs = [self._sketched(shard, f"{number}-{part}") for part, shard in enumerate(shards)]
        folder = self.root / f"decided-{number}"
        folder.mkdir()
        gone = withdrawn or {}
        earlier = [
            stage.Earlier(batch.folder.joinpath, frozenset(gone.get(at, ()))) for at, batch in enumerate(self.batches)
        ]
        outcome = stage.decide(self.settings, pairs, earlier, folder)
        self.batches.append(Decided(folder, outcome))
        return self.batches[-1]

    def _sketched(self, shard: Shard, name: str) -> tuple[Path, Path]:
        folder = self.root / f"sketched-{name}"
        folder.mkdir()
        write_parquet(documents_of(shard), folder / "documents.parquet")
        stage.sketch(self.settings, folder / "documents.parquet", folder)
        return folder / "documents.parquet", folder / stage.SKETCH_FILE


def documents_of(shard: Shard) -> pa.Table:
    rows = [
        {"document_id": name, "source": "test", "url": name, "format": "text", "language": "en", "text": text}
        for name, text in shard.items()
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA)


@pytest.fixture
def nights(tmp_path: Path) -> Callable[..., Nights]:
    """Make a row of nights with settings of your own: `nights(method="simhash")`."""

    def make(**settings: Any) -> Nights:
        root = tmp_path / f"nights-{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        return Nights(root, DedupSettings(**settings))

    return make
