"""A workspace with three small trainings that really ran, and what each of their steps was given.

    night 1   batch one: too much for the night                   model "first", from scratch
    night 2   batch two; a document of batch one is withdrawn     "second", on its trunk; begins a second pass
    night 3   batch three, packed in another way, with replay     "third", on the trunk of the second

Each token of each document is one of its own, so that what is in a row says where it came from. Makers do what they can
do here (lists, tables of shards, snapshots, trainings); what stands before them is put on the shelf by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, models

from pipeline_lib.ingest.tables import INGEST_LEDGER_SCHEMA, INVENTORY_SCHEMA, NO_RECORDS, TOMBSTONES_SCHEMA
from pipeline_lib.past.ledger import Story
from pipeline_lib.plan.parents import cursor_of
from pipeline_lib.run.execute import execute
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.artifact import Manifest, Outcome, Ref
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE, TOKENS_FILE
from pipeline_lib.store.shards import COUNTS_FILE, write_counts
from pipeline_lib.store.sides import side_of
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.store.tokens import TokensWriter
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.tokenize.shard import TOKENS_LEDGER_SCHEMA
from pipeline_lib.tokenize.snapshot import SHARDS
from pipeline_lib.tokenize.works import snapshot_work
from pipeline_lib.train import phases, stage
from pipeline_lib.train.callbacks import StopSignal
from pipeline_lib.train.reading import Rows
from pipeline_lib.train.works import train_work
from tests.shelf import documents, put
from tests.tiny_training import TINY

SOURCE = "docs"
VOCABULARY = 1200
SHARE = 0.2  # held out
BATCH_ROWS = 2
WITHDRAWN = "a4"
Shard = Mapping[str, int]  # documents, and how many tokens they have

ONE: tuple[Shard, ...] = ({"a0": 5, "a1": 60, "a2": 17, "a3": 9, "a4": 33}, {"b0": 21, "b1": 4, "b2": 40, "b3": 12})
TWO: tuple[Shard, ...] = ({"c0": 30, "c1": 8, "c2": 51, "c3": 1},)
THREE: tuple[Shard, ...] = ({"d0": 70, "d1": 45, "d2": 3}, {"e0": 26, "e1": 37})


@dataclass
class Nights:
    """The workspace and all that is known of it by another way."""

    workspace: Workspace
    tokens: dict[str, set[int]] = field(default_factory=dict)  # of each document
    given: dict[str, list[set[int]]] = field(default_factory=dict)  # of each model: all ids in each step
    models: dict[str, Manifest] = field(default_factory=dict)
    tables: list[Ref] = field(default_factory=list)  # of the token shards of each batch
    stories: dict[str, Story] = field(default_factory=dict)

    @property
    def held_out(self) -> set[str]:
        """The documents that no model may learn, by the definition."""
        return {name for name in self.tokens if side_of(SOURCE, url_of(name)) < SHARE * 2**64}

    def read(self, model: str, first: int, last: int) -> dict[str, int]:
        """The slow twin: how many tokens of which documents stood in the rows of the steps first + 1, ..., last."""
        seen: set[int] = set().union(*self.given[model][first:last])
        return {name: len(seen & own) for name, own in self.tokens.items() if seen & own}

    def batch(self, label: str, shards: Sequence[Shard], gone: Sequence[tuple[str, str, int]] = ()) -> None:
        """A batch as ingest, scrub and tokenize leave it. `gone`: document, batch and shard that held it."""
        name, store = label[5:], self.workspace.store
        raw = [self._raw(f"raw-{name}-{part}", own) for part, own in enumerate(shards)]
        texts = [self._text(f"{name}-{part}", own) for part, own in enumerate(shards)]
        encoded = [self._encoded(f"{name}-{part}", own) for part, own in enumerate(shards)]
        files = {
            "inventory.parquet": pa.Table.from_pylist(
                [_file(document, part) for part, own in enumerate(shards) for document in own], INVENTORY_SCHEMA
            ),
            "tombstones.parquet": pa.Table.from_pylist(
                [dict(zip(TOMBSTONES_SCHEMA.names, stone, strict=True)) for stone in gone], TOMBSTONES_SCHEMA
            ),
        }
        ingested = put(
            store, Ref("ingest", name), files, inputs={"shards": self._list(raw)}, outcome=_said(source=SOURCE)
        )
        inputs = {"batch": ingested, "tokens": self._list(encoded), "documents": self._list(texts)}
        work = Work(SHARDS, params={"label": label}, inputs=inputs, members=tuple(self.tables))
        table = execute(work, self.workspace.root)
        self.tables.append(table.ref)
        known = self.workspace.batches()
        self.workspace.save_batches([*known, Batch(len(known) + 1, SOURCE, name)])
        for part, own in enumerate(shards):
            for document in own:
                self.stories[document] = Story(document, SOURCE, url_of(document), "", label, name, part, 0.0, ())

    def train(self, name: str, *, parent: str | None, num_rows: int, **changes: Any) -> None:
        """Train in this process on all batches so far, and keep what its steps were given."""
        settings = _settings(**changes)
        snapshot = snapshot_work(Ref("tokenize", "tokenizer"), tuple(self.tables), [{"source": SOURCE}])
        execute(snapshot, self.workspace.root)
        trunk = None if parent is None else self.models[parent]
        work = train_work(
            settings,
            snapshot=snapshot.ref,
            tokenizer=Ref("tokenize", "tokenizer"),
            trunk=None if trunk is None else trunk.ref,
            benchmark=Ref("evaluate", "benchmark"),
            params={"num_rows": num_rows, "first": [name, cursor_of(self.workspace.store, trunk, ()).num_steps]},
        )
        with _in_this_process() as given:
            self.models[name] = execute(work, self.workspace.root)
        self.given[name] = [set().union(*given[at : at + BATCH_ROWS]) for at in range(0, len(given), BATCH_ROWS)]

    def _list(self, refs: Sequence[Ref]) -> Ref:
        (work,) = list_works(refs[0].stage, refs)
        return execute(work, self.workspace.root).ref

    def _raw(self, name: str, shard: Shard) -> Ref:
        rows = [
            {"document_id": one, "is_kept": True, "url": url_of(one), "file": url_of(one), "place": url_of(one)}
            for one in shard
        ]
        ledger = pa.Table.from_pylist(rows, INGEST_LEDGER_SCHEMA)
        return put(self.workspace.store, Ref("ingest", name), {LEDGER_FILE: ledger})

    def _text(self, name: str, shard: Shard) -> Ref:
        rows = [{"document_id": one, "source": SOURCE, "url": url_of(one)} for one in shard]
        return put(self.workspace.store, Ref("scrub", name), {DOCUMENTS_FILE: documents(rows)})

    def _encoded(self, name: str, shard: Shard) -> Ref:
        ref, ids = Ref("tokenize", name), []
        for document, length in shard.items():
            first = 2 + sum(map(len, self.tokens.values()))
            ids.append(list(range(first, first + length)))
            self.tokens[document] = set(ids[-1])
        ledger = [
            {"document_id": one, "is_kept": True, "num_tokens": length, "num_bytes": 0} for one, length in shard.items()
        ]
        with self.workspace.store.draft(ref) as draft:
            with TokensWriter(draft.path / TOKENS_FILE, VOCABULARY) as writer:
                writer.write(list(shard), [side_of(SOURCE, url_of(one)) for one in shard], ids)
            write_parquet(pa.Table.from_pylist(ledger, TOKENS_LEDGER_SCHEMA), draft.path / LEDGER_FILE)
            write_counts(np.zeros(VOCABULARY, np.int64), draft.path / COUNTS_FILE)
            draft.seal(Outcome(len(shard), len(shard)), maker="tokenize.encode", version=1, schema="tokens.v2")
        return ref


def url_of(document: str) -> str:
    """Where a document came from."""
    return f"{document}.txt"


def make_nights(root: Path) -> Nights:
    """The three nights."""
    nights = Nights(Workspace(root))
    put_tokenizer(nights.workspace)
    held_out = {"document_id": "b1", "url": url_of("b1")}
    put(
        nights.workspace.store,
        Ref("evaluate", "benchmark"),
        {DOCUMENTS_FILE: documents([held_out])},
        maker="evaluate.benchmark",
        outcome=_said(name="frozen", generation=1),
    )
    nights.batch("0001-one", ONE)
    nights.train("first", parent=None, num_rows=6)
    nights.batch("0002-two", TWO, gone=[(WITHDRAWN, "one", 0)])
    nights.train("second", parent="first", num_rows=34, num_epochs=2)
    nights.batch("0003-three", THREE)
    nights.train("third", parent="second", num_rows=60, replay_share=0.3, packing="best_fit")
    return nights


def put_tokenizer(workspace: Workspace) -> None:
    """A tokenizer of words that say their numbers."""
    words = ["<|endoftext|>", "<|pad|>", *(f"w{number}" for number in range(2, VOCABULARY))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, "<|pad|>"))
    with workspace.store.draft(Ref("tokenize", "tokenizer")) as draft:
        tokenizer.save(str(draft.path / "tokenizer.json"))
        draft.seal(Outcome(0, 0), maker="tokenize.learn", version=1, schema="tokenizer.v1")


def _settings(**changes: Any) -> Settings:
    own = {**TINY.model_dump(), "batch_rows": BATCH_ROWS, "start_documents": 0, "least_decay_steps": 1, **changes}
    return AllSettings.model_validate({"train": own})


def _file(document: str, part: int) -> dict[str, Any]:
    return {"path": url_of(document), "digest": "", "shard": part, "heldout_share": SHARE, **NO_RECORDS}


def _said(**facts: Any) -> Outcome:
    return Outcome(0, 0, facts=facts)


@contextmanager
def _in_this_process() -> Iterator[list[set[int]]]:
    """The ids of each row that a training is given, in the order in which the Trainer asks for them."""
    given: list[set[int]] = []
    real = Rows.__getitem__

    def watched(rows: Rows, number: int) -> Any:
        row = real(rows, number)
        given.append(set(row["input_ids"].tolist()) | set(row["labels"].tolist()))
        return row

    def train(settings: Any, work: Path, deadline: float, on_progress: Any) -> None:
        phases.train(work, started=monotonic(), stop=StopSignal())

    with patch.object(Rows, "__getitem__", watched), patch.object(stage, "_train_in_child", train):
        yield given
