"""A source folder and its nights: `house.night()` does what the engine does with a plan."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq

from pipeline_lib.ingest import stage, works
from pipeline_lib.ingest.batching import Scanned
from pipeline_lib.ingest.history import PlannedBatch
from pipeline_lib.ingest.past import SourcePast
from pipeline_lib.ingest.plan import BatchPlan, ShardPlan
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from tests.given import LooseStore


@dataclass
class House:
    """One workspace with one source, called "docs": a folder, unless another is given."""

    root: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    other: Source | None = None
    batches: list[str | PlannedBatch] = field(default_factory=list)
    landing: Ref | None = None
    loose: LooseStore = field(default_factory=LooseStore)
    num_landings: int = 0
    last: BatchPlan | None = None
    share: float = 0.0  # of what arrives that is held out

    @property
    def source(self) -> Source:
        return self.other or FilesSource(name="docs", path=self.root / "docs", **self.reading)

    @property
    def ingest(self) -> IngestSettings:
        return IngestSettings(sources=(self.source,), **{"max_bad_share": 1, "max_gone_share": 1, **self.settings})

    @property
    def store(self) -> Store:
        return cast(Store, self.loose)

    def write(self, path: str, content: str | bytes) -> Path:
        place = self.root / "docs" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def folder(self, name: str) -> Path:
        """Where the artifact with this fingerprint lies."""
        return self.root / "artifacts" / name

    def make(self, work: Work) -> Outcome:
        """What the engine does with a work, without a seal: an empty folder, the maker, its view of the settings."""
        folder = self.folder(work.fingerprint)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        inputs = Inputs(
            store=self.store,
            named={**work.inputs, **work.beside},
            params=work.params,
            listed=work.members,
            workspace=self.root,
            work_folder=self.root / "work" / work.fingerprint,
        )
        outcome = work.maker.make(work.settings, inputs, folder)
        assert outcome.rows_in == outcome.rows_out + sum(outcome.dropped.values())
        self.loose.folders[work.ref] = folder
        self.loose.outcomes[work.ref] = outcome
        self.loose.schemas[work.ref] = work.maker.schema
        return outcome

    def land(self) -> Outcome:
        """Ask a source that has to be asked."""
        self.num_landings += 1
        work = works.land(self.ingest, self.source.name, f"night {self.num_landings}", self.landing)
        outcome = self.make(work)
        self.landing = work.ref
        return outcome

    @property
    def history(self) -> SourcePast:
        parts = [batch if isinstance(batch, PlannedBatch) else Ref(stage.STAGE, batch) for batch in self.batches]
        return SourcePast(self.store, parts)

    def look(self) -> Scanned:
        last = self.batches[-1] if self.batches else ""
        before = last if isinstance(last, str) else last.name
        landing = None if self.landing is None else self.loose.folders[self.landing]
        cache = self.root / "cache.json"
        return stage.scan(
            self.ingest,
            self.source,
            self.history,
            cache,
            before=before,
            landing=landing,
            heldout_share=lambda _num_files, _num_bytes: self.share,
        )

    def scan(self) -> BatchPlan | None:
        return self.look().plan

    def plan_work(self, plan: BatchPlan) -> Work:
        return works.plan(self.ingest, plan)

    def shard_work(self, plan: BatchPlan, shard: ShardPlan) -> Work:
        return works.read(self.ingest, plan.source, shard, self.plan_work(plan).ref, self.landing)

    def shard_works(self, plan: BatchPlan) -> list[Work]:
        """What is read into the batch of a plan, in the order of its shards: of large files their parts."""
        given = (self.plan_work(plan).ref, self.landing)
        return [work for shard in plan.shards for work in works.shards(self.ingest, plan.source, shard, *given)]

    def split_works(self, plan: BatchPlan) -> list[Work]:
        given = (self.plan_work(plan).ref, self.landing)
        large = [shard for shard in plan.shards if shard.num_parts > 1]
        return [works.split(self.ingest, plan.source, shard, *given) for shard in large]

    def batch_work(self, plan: BatchPlan) -> Work:
        shards = Ref("list", plan.content)
        self.loose.lists[shards] = [work.ref for work in self.shard_works(plan)]
        return works.batch(self.ingest, plan.source, self.plan_work(plan).ref, shards)

    def shard_folder(self, plan: BatchPlan, index: int = 0) -> Path:
        return self.folder(self.shard_works(plan)[index].fingerprint)

    def seal(self, plan: BatchPlan) -> str:
        """Make all that a plan names; the fingerprint of its batch."""
        stage.keep(plan, self.root)
        self.make(self.plan_work(plan))
        for work in (*self.split_works(plan), *self.shard_works(plan)):
            self.make(work)
        self.make(self.batch_work(plan))
        return self.batch_work(plan).fingerprint

    def night(self) -> BatchPlan:
        """Scan and do the work; there must be some."""
        plan = self.scan()
        assert plan is not None
        self.batches.append(self.seal(plan))
        self.last = plan
        return plan

    def replan(self, plan: BatchPlan, *lost: int) -> BatchPlan | None:
        """The plan again, when the shards of these indexes are lost."""
        kept = [self.folder(self.plan_work(plan).fingerprint), stage.kept_plan(self.root, plan.content)]
        return stage.replan(self.ingest, self.source, plan.content, kept, lambda shard: shard.index in lost)

    def facts(self, batch: str) -> Mapping[str, Any]:
        """The facts of a batch's manifest."""
        return self.loose.outcomes[Ref("ingest", batch)].facts

    def rows(self, plan: BatchPlan, name: str = "documents.parquet") -> list[dict[str, Any]]:
        """The rows of one file of all shards of a batch."""
        folders = [self.folder(work.fingerprint) for work in self.shard_works(plan)]
        return [row for folder in folders for row in pq.read_table(folder / name).to_pylist()]

    def texts(self, plan: BatchPlan) -> dict[str, str]:
        """url -> text of what a batch put out."""
        return {row["url"]: row["text"] for row in self.rows(plan)}

    def quarantine(self, plan: BatchPlan) -> list[str]:
        """What a batch put aside, as people read it."""
        return [f"{row['place']}: {row['reason']}" for row in self.rows(plan, "quarantine.parquet")]

    def quarantine_of_last(self) -> list[str]:
        """What the last night put aside."""
        assert self.last is not None
        return self.quarantine(self.last)

    def live_ids(self) -> set[str]:
        """The documents that are there after all nights."""
        live = self.history.live_documents(self.history.files().keys())
        return {stone.document_id for stone in live.documents}

    def elsewhere(self, name: str = "elsewhere", **fields: Any) -> "House":
        """Another workspace."""
        return House(self.root / name, **{**{"settings": self.settings, "reading": self.reading}, **fields})
