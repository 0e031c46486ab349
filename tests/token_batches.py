"""Batches of token shards that a test makes up, their tables by the makers, and snapshots of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_lib.model.reading.snapshot import read_excluded, read_shards
from pipeline_lib.run.execute import execute, store_of
from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.tokenize.snapshot import SHARDS
from pipeline_lib.tokenize.works import merged_work, snapshot_work
from tests.shelf import Gone, documents, put, put_batch, put_list, put_tokens

Documents = Mapping[str, int]  # tokens by document


@dataclass
class Batches:
    """Batches of token shards, their tables, and snapshots of them."""

    workspace: Path
    tables: list[Ref] = field(default_factory=list)

    trained_to: int = 1
    texts: dict[Ref, pa.Table] = field(default_factory=dict)  # of shards, until a snapshot looks at them

    @property
    def tokenizer(self) -> Ref:
        """Another one for another number."""
        store, ref = store_of(self.workspace), Ref("tokenize", "tokenizer")
        words = pa.table({"word": ["night"] * self.trained_to})
        return ref if store.is_present(ref) else put(store, ref, {"words.parquet": words})

    def add(
        self,
        *shards: Documents,
        source: str = "docs",
        held_out: Sequence[str] = (),
        share: float = 0.5,
        gone: Gone = (),
        told: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Manifest:
        """One more batch. Its name and those of its shards are numbers: batch "1" has the shards "1-0", "1-1".

        `told`: by document what its row of the scrubbed texts says; without it there are none.
        """
        store, name = store_of(self.workspace), str(len(self.tables) + 1)
        tokens = [
            put_tokens(
                store, f"{name}-{part}", {document: [part + 1] * n for document, n in shard.items()}, held_out=held_out
            )
            for part, shard in enumerate(shards)
        ]
        for ref, shard in zip(tokens, shards if told is not None else (), strict=False):
            rows = [{"document_id": document, **(told or {}).get(document, {})} for document in shard]
            self.texts[Ref("scrub", ref.fingerprint)] = documents(rows)
        inputs = {
            "batch": put_batch(store, name, source=source, shares=[share] * len(shards), gone=gone),
            "tokens": put_list(store, f"tokens {name}", tokens),
            "documents": put_list(store, f"texts {name}", [Ref("scrub", ref.fingerprint) for ref in tokens]),
        }
        params = {"label": f"000{name}-{source}"}
        made = execute(Work(SHARDS, params=params, inputs=inputs, members=tuple(self.tables)), self.workspace)
        self.tables.append(made.ref)
        return made

    def merged(self, tables: Sequence[Ref]) -> Ref:
        return execute(merged_work(tuple(tables)), self.workspace).ref

    def snapshot(self, *queries: Mapping[str, Any], tables: Sequence[Ref] | None = None) -> "Taken":
        while self.texts:
            ref, table = self.texts.popitem()
            put(store_of(self.workspace), ref, {DOCUMENTS_FILE: table})
        given = self.tables if tables is None else tables
        work = snapshot_work(self.tokenizer, tuple(given), queries or ({"source": "docs"},))
        made = execute(work, self.workspace)
        return Taken(made, store_of(self.workspace).open("tokenize", made.fingerprint).path)


@dataclass(frozen=True)
class Taken:
    """A snapshot."""

    manifest: Manifest
    folder: Path

    @property
    def shards(self) -> dict[str, tuple[int, int]]:
        """Documents and tokens that are trained on, by shard."""
        return {one.shard: (one.num_documents, one.num_tokens) for one in read_shards(self.folder / "shards.parquet")}

    @property
    def excluded(self) -> dict[str, tuple[str, ...]]:
        return read_excluded(self.folder / "excluded.parquet")

    @property
    def counts(self) -> list[int]:
        return list(pq.read_table(self.folder / "counts.parquet")["count"].to_pylist())

    @property
    def described(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self.folder / "snapshot.json").read_text())
        return described

    @property
    def digest(self) -> str:
        return str(self.manifest.facts["digest"])
