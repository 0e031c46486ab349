"""A source folder and its nights: `house.night()` does what the engine does with a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_lib.ingest import stage
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.settings import FilesSource, IngestSettings
from pipeline_lib.store.local import Store


@dataclass
class House:
    """One workspace with one `files` source called "docs"."""

    root: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)

    @property
    def source(self) -> FilesSource:
        return FilesSource(name="docs", path=self.root / "docs", **self.reading)

    @property
    def ingest(self) -> IngestSettings:
        return IngestSettings(sources=(self.source,), **{"max_bad_share": 1, "max_gone_share": 1, **self.settings})

    @property
    def store(self) -> Store:
        return Store(self.root / "artifacts")

    def write(self, path: str, content: str | bytes) -> Path:
        place = self.root / "docs" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def scan(self) -> BatchPlan | None:
        return stage.scan(self.ingest, self.source, self.batches, self.store, self.root / "cache.json")

    def seal(self, plan: BatchPlan) -> None:
        version = {"version": stage.VERSION, "schema": "documents.v1", "settings": {}, "inputs": []}
        for shard in plan.shards:
            with self.store.draft(stage.STAGE, shard.fingerprint) as draft:
                draft.seal(stage.run(self.ingest, self.source, shard, draft.path), kind="shard", **version)
        names = [shard.fingerprint for shard in plan.shards]
        folders = [self.store.path(stage.STAGE, name) for name in names]
        with self.store.draft(stage.STAGE, plan.fingerprint) as draft:
            outcome = stage.run_batch(self.ingest, plan, folders, draft.path)
            draft.seal(outcome, kind="batch", shards=names, **version)

    def night(self) -> BatchPlan:
        """Scan and do the work; there must be some."""
        plan = self.scan()
        assert plan is not None
        self.seal(plan)
        self.batches.append(plan.fingerprint)
        return plan

    def rows(self, plan: BatchPlan, name: str = "documents.parquet") -> list[dict[str, Any]]:
        """The rows of one file of all shards of a batch."""
        folders = [self.store.path(stage.STAGE, shard.fingerprint) for shard in plan.shards]
        return [row for folder in folders for row in pq.read_table(folder / name).to_pylist()]

    def texts(self, plan: BatchPlan) -> dict[str, str]:
        """url -> text of what a batch put out."""
        return {row["url"]: row["text"] for row in self.rows(plan)}

    def quarantine(self, plan: BatchPlan) -> list[str]:
        """What a batch put aside, as people read it."""
        return [f"{row['place']}: {row['reason']}" for row in self.rows(plan, "quarantine.parquet")]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A workspace with an empty source folder."""
    (tmp_path / "docs").mkdir()
    return House(tmp_path)
