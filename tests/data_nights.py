"""Nights of the data half in this process: what the plan foresaw is compared with what was made.

done = night(house)          plans, does, compares; `done.made` has the reason of each artifact by (stage, batch, name)
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from pipeline_lib.plan.benchmarks import plan_benchmarks
from pipeline_lib.plan.data import DataPlan, plan_data, plan_sealed_data
from pipeline_lib.plan.reasons import explain
from pipeline_lib.run import carry
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import read_manifest
from pipeline_lib.store.shards import EXCLUDED_FILE, SHARDS_FILE
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, House, artifacts, refresh, sealed_at, tiny_settings

DATA_STAGES = ("ingest", "clean", "dedup", "scrub", "tokenize")
OF_THE_NIGHT = ("tokenizer", "snapshot", "benchmarks")  # labels that are no batch's
Name = tuple[str, str, str]  # stage, batch, artifact


@contextmanager
def merging_soon() -> Iterator[None]:
    """With the key, and with two nodes merged into one, so that few nights are enough for merges of merges."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
        patch.setattr(carry, "MERGED", 2)
        yield


@dataclass(frozen=True)
class Night:
    """A night that was done, and the reason of each artifact that was made."""

    settings: Settings
    made: Mapping[Name, str]
    names: frozenset[str] = frozenset()  # of what was made, as "stage/fingerprint"

    @property
    def stages(self) -> set[str]:
        """The stages of batches that had something to do."""
        return {stage for stage, label, _ in self.made if label not in OF_THE_NIGHT}

    @property
    def labels(self) -> set[str]:
        """The batches that had something to do."""
        return {label for _, label, _ in self.made} - set(OF_THE_NIGHT)

    @property
    def plan(self) -> DataPlan:
        """What the data half comes to now."""
        return plan_sealed_data(self.settings, self.workspace)

    @property
    def workspace(self) -> Workspace:
        """Its workspace."""
        return Workspace(self.settings.workspace)

    @property
    def ids(self) -> set[str]:
        """Ids of the documents that the snapshot has."""
        return {row["document_id"] for row in self._documents()}

    @property
    def urls(self) -> set[str]:
        """Their URLs."""
        return {row["url"] for row in self._documents()}

    @property
    def tokenized_text(self) -> str:
        """All text that models are trained and judged on, read back from token ids."""
        store, plan = self.workspace.store, self.plan
        bpe = Tokenizer.from_file(str(store.path("tokenize", plan.tokenizer.ref.fingerprint) / "tokenizer.json"))
        texts = []
        for row in self._shards():
            path = store.path("tokenize", row["shard"]) / schemas.TOKENS_FILE
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
                rows = stream.read_all().select(["document_id", "ids"]).to_pylist()
            texts += [bpe.decode(one["ids"]) for one in rows if one["document_id"] not in row["excluded"]]
        return "".join(texts)

    def _documents(self) -> Iterable[dict[str, str]]:
        for row in self._shards():
            path = self.workspace.store.path("scrub", row["documents"]) / schemas.DOCUMENTS_FILE
            rows = pq.read_table(path, columns=["document_id", "url"]).to_pylist()
            yield from (one for one in rows if one["document_id"] not in row["excluded"])

    def _shards(self) -> list[dict[str, object]]:
        ref = self.plan.snapshot.whole.ref
        folder = self.workspace.store.path(ref.stage, ref.fingerprint)
        excluded = pq.read_table(folder / EXCLUDED_FILE).to_pylist()
        return [
            {**row, "excluded": {one["document_id"] for one in excluded if one["shard"] == row["shard"]}}
            for row in pq.read_table(folder / SHARDS_FILE).to_pylist()
        ]


def night(house: House, **changes: str) -> Night:
    """One night, whose plan must say exactly what is then made."""
    settings = tiny_settings(house.workspace, house.corpus, **changes)
    foreseen = planned(settings)
    before = sealed_at(house.workspace)
    refresh(settings)
    made = sealed_at(house.workspace).items() - before.items()
    assert {name for name, _ in made} == foreseen.keys()
    reasons = {(stage, label, name): reason for (stage, label, name, reason) in foreseen.values()}
    return Night(settings, reasons, frozenset(foreseen))


def planned(settings: Settings) -> dict[str, tuple[str, str, str, str]]:
    """What a night would make: (stage, batch, artifact, reason) by "stage/fingerprint"."""
    workspace = Workspace(settings.workspace)
    plan = plan_data(settings, workspace)
    benchmarks = plan_benchmarks(settings, workspace, plan, renews=True)
    steps = [step for _, of_stage in plan.stages for step in of_stage]
    steps += [benchmarks.step] if benchmarks.step else []
    return {
        f"{line.stage}/{line.fingerprint}": (line.stage, line.label, line.name, line.reason)
        for _, lines in explain(steps, {**plan.graph, **benchmarks.graph}, workspace)
        for line in lines
        if line.action == "work"
    }


def digests(house: House, names: Iterable[str] | None = None) -> dict[str, str]:
    asked = artifacts(house.workspace) if names is None else names
    return {name: read_manifest(house.workspace / "artifacts" / name).digest for name in asked}
