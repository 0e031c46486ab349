"""Scrub a few texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.scrub import stage
from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet


@dataclass(frozen=True)
class Scrubbed:
    """What a run has written."""

    folder: Path
    outcome: Outcome

    @property
    def texts(self) -> dict[str, str]:
        return {row["document_id"]: row["text"] for row in pq.read_table(self.folder / "documents.parquet").to_pylist()}

    @property
    def ledger(self) -> dict[str, dict[str, Any]]:
        return {row["document_id"]: row for row in pq.read_table(self.folder / "ledger.parquet").to_pylist()}


Scrub = Callable[..., Scrubbed]


@pytest.fixture
def key() -> ScrubKey:
    return ScrubKey(bytes(range(32)))


@pytest.fixture
def scrub(tmp_path: Path, key: ScrubKey) -> Scrub:
    """`scrub({"id": "text"}, withdrawn=..., key=..., **settings)`."""
    numbers = iter(range(1000))

    def run(
        texts: Mapping[str, str], withdrawn: frozenset[str] = frozenset(), key: ScrubKey = key, **settings: Any
    ) -> Scrubbed:
        folder = tmp_path / f"scrub-{next(numbers)}"
        folder.mkdir()
        rows = [
            {"document_id": name, "source": "s", "url": name, "format": "text", "language": "zh", "text": text}
            for name, text in texts.items()
        ]
        documents = tmp_path / f"{folder.name}.parquet"
        write_parquet(pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA), documents)
        return Scrubbed(folder, stage.run(ScrubSettings(**settings), key, documents, withdrawn, folder))

    return run
