"""Which model learned which document: computed from seeds and ledgers, and equal to what a training really reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.past.ledger import Story
from pipeline_lib.past.lineage import Seen, learned, models_beside, trainings
from pipeline_lib.store import schemas, tables
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import write_json
from pipeline_lib.store.token_shards import open_rows
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.tokenize.rows import pack, write_rows
from pipeline_lib.train.job import SUMMARY_FILE
from pipeline_lib.train.rows import MixedRows, RowOrder

T = 4  # tokens of a row
SEED, REPLAY_SHARE = 1, 0.25
PLACES = [("d0", "one", 0), ("d1", "one", 0), ("d2", "one", 1), ("d3", "two", 0), ("d4", "two", 0)]


@dataclass
class House:
    """A workspace made by hand. A document is its number of tokens; None is held out.

    Each place of each token stream has an id of its own, so that what is in a row says where it came from.
    """

    workspace: Workspace
    ids: dict[str, range] = field(default_factory=dict)  # of each document on the train side, its end of text included
    next_id: int = 0

    def batch(self, name: str, *shards: Mapping[str, int | None]) -> None:
        """An ingested and tokenized batch with the documents of its shards."""
        for number, documents in enumerate(shards):
            self._ingest(f"{name}{number}", documents)
            self._tokenize(f"{name}{number}", documents)
        self._seal("ingest", f"batch-{name}", shards=[f"{name}{number}" for number in range(len(shards))])
        known = self.workspace.batches()
        self.workspace.save_batches([*known, Batch(len(known) + 1, "docs", f"batch-{name}")])

    def model(
        self, name: str, *, batches: Sequence[str], new: Sequence[str], replay: Sequence[str] = (), **summary: Any
    ) -> None:
        """A trained model: two steps on the trunk and one on the branch, of one row each, unless told."""
        steps = {"num_steps": 3, "trunk_steps": 2, "num_tokens": 12, "trunk": None} | summary
        settings = {
            "train": {"batch_rows": 1, "replay_share": REPLAY_SHARE, "seed": SEED},
            "batches": [f"batch-{batch}" for batch in batches],
            "on": {"new": list(new), "replay": list(replay), "heldout": [], "trunk": steps.pop("trunk")},
        }
        self._seal("train", name, files={SUMMARY_FILE: steps}, settings=settings, inputs=["the-tokenizer"])

    def story(self, document: str, batch: str, shard: int = 0) -> Story:
        """What the ledger says of a document, as far as it matters here."""
        return Story(document, "docs", f"{document}.txt", "", batch, f"batch-{batch}", shard, 0.0, ())

    def _ingest(self, name: str, documents: Mapping[str, int | None]) -> None:
        rows = {"document_id": list(documents), "url": [f"{document}.txt" for document in documents]}
        self._seal("ingest", name, ledger=pa.table(rows))

    def _tokenize(self, name: str, documents: Mapping[str, int | None]) -> None:
        lengths = {document: length for document, length in documents.items() if length is not None}
        packed = pack([[0] * length for length in lengths.values()], sequence_length=T, end_id=0, pad_id=0)
        starts = dict(zip(lengths, packed.starts.tolist(), strict=True))
        self.ids |= {
            document: range(self.next_id + starts[document], self.next_id + starts[document] + length + 1)
            for document, length in lengths.items()
        }
        packed = replace(packed, stream=np.arange(len(packed.stream), dtype=np.uint32) + self.next_id)
        self.next_id += len(packed.stream)
        rows = [
            {
                "document_id": document,
                "split": "heldout" if length is None else "train",
                "num_tokens": None if length is None else length + 1,
                "first_row": None if length is None else starts[document] // T,
                "first_offset": None if length is None else starts[document] % T,
            }
            for document, length in documents.items()
        ]
        facts = {
            "num_train_rows": packed.num_rows,
            "num_train_documents": len(lengths),
            "num_heldout_documents": len(documents) - len(lengths),
            "num_train_tokens": packed.num_tokens,
        }
        settings = {"sequence_length": T}
        self._seal("tokenize", name, ledger=pa.Table.from_pylist(rows), packed=packed, settings=settings, facts=facts)

    def _seal(self, stage: str, name: str, **content: Any) -> None:
        with self.workspace.store.draft(stage, name) as draft:
            if "ledger" in content:
                tables.write_parquet(content["ledger"], draft.path / schemas.LEDGER_FILE)
            if "packed" in content:
                write_rows(content["packed"], 1000, draft.path / schemas.TOKENS_FILE)
            for file, value in content.get("files", {}).items():
                write_json(draft.path / file, value)
            draft.seal(
                Outcome(0, 0, facts=content.get("facts", {})),
                version=1,
                kind="batch",
                schema="x.v1",
                settings=content.get("settings", {}),
                inputs=content.get("inputs", ()),
                shards=content.get("shards", ()),
                made={"created": float(len(list(self.workspace.store.root.glob("train/*"))))},
            )

    def really_read(self, *, new: Sequence[str], replay: Sequence[str], num_rows: int) -> dict[str, int]:
        """The slow twin: for each document how many of its tokens are targets in the rows that a training reads.

        The very first token of a shard is no target of anything; it counts with its row.
        """
        tables = [open_rows([self._tokens(name) for name in names]) if names else None for names in (new, replay)]
        assert tables[0] is not None
        num_replay = 0 if tables[1] is None else tables[1].num_rows
        rows = MixedRows(
            tables[0], tables[1], RowOrder(tables[0].num_rows, num_replay, REPLAY_SHARE, SEED), 0, num_rows
        )
        firsts = {int(open_rows([self._tokens(name)]).rows[0][0]) for name in (*new, *replay)}
        read: set[int] = set()
        for index in range(num_rows):
            row = rows[index].tolist()
            read.update(row if row[0] in firsts else row[1:])
        return {document: len(read.intersection(ids)) for document, ids in self.ids.items()}

    def _tokens(self, name: str) -> Path:
        return self.workspace.store.path("tokenize", name) / schemas.TOKENS_FILE


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two batches; model "a" learned the first, model "b" went on from its trunk with the second."""
    made = House(Workspace(tmp_path))
    made.batch("one", {"d0": 5, "d1": 2, "kept": None}, {"d2": 11})
    made.batch("two", {"d3": 13, "d4": 5})
    made.model("a", batches=["one"], new=["one0", "one1"])
    made.model("b", batches=["one", "two"], new=["two0"], replay=["one0", "one1"], trunk="a")
    return made


def _own(seen: Sequence[Seen]) -> dict[str, int]:
    return {one.model: one.own.num_read for one in seen if one.own is not None}


def test_a_model_is_traced_to_its_batches_and_its_ancestor(house: House) -> None:
    b, a = trainings(house.workspace, "b")
    assert (a.fingerprint, a.trunk, b.trunk, b.tokenizer) == ("a", None, "a", "the-tokenizer")
    first, second = b.batches
    assert (first.name, first.is_new, second.name, second.is_new) == ("0001-docs", False, "0002-docs", True)
    assert (first.num_documents, first.num_heldout, first.num_tokens) == (3, 1, 6 + 3 + 12)
    assert [part.is_new for part in a.batches] == [True]


def test_a_trace_ends_where_an_ancestor_was_deleted(house: House) -> None:
    for path in house.workspace.store.path("train", "a").iterdir():
        path.unlink()
    assert [training.fingerprint for training in trainings(house.workspace, "b")] == ["b"]
    with pytest.raises(DamagedArtifact):
        trainings(house.workspace, "a")


def test_tokens_of_rows_that_were_read_are_counted_by_hand(tmp_path: Path) -> None:
    """d0 is tokens 0..5 and d1 tokens 6..8 of two rows of 4; row 0 holds 0 and learns 1..4, row 1 learns 5..8."""
    house = House(Workspace(tmp_path))
    house.batch("one", {"d0": 5, "d1": 2})
    house.model("a", batches=["one"], new=["one0"], num_steps=1, trunk_steps=1)
    assert RowOrder(2, 0, REPLAY_SHARE, SEED).of_epoch(0).tolist() == [0, 1]  # with this seed row 0 is read first
    assert _own(models_beside(house.workspace, house.story("d0", "one"))) == {"a": 5}
    assert _own(models_beside(house.workspace, house.story("d1", "one"))) == {"a": 0}


@pytest.mark.parametrize("num_steps", [1, 2, 3, 5, 11, 30])
def test_what_is_computed_is_what_the_training_reads(house: House, num_steps: int) -> None:
    new, replay = ["two0"], ["one0", "one1"]
    house.model("c", batches=["one", "two"], new=new, replay=replay, num_steps=num_steps, trunk_steps=1, trunk="a")
    expected = house.really_read(new=new, replay=replay, num_rows=num_steps)
    computed = {
        document: _own(models_beside(house.workspace, house.story(document, batch, shard)))["c"]
        for document, batch, shard in PLACES
    }
    assert computed == expected
    assert {document.document_id: document.num_read for document in learned(house.workspace, "c")} == expected


def test_a_model_inherits_what_its_ancestors_trunk_read_and_not_the_branch(house: House) -> None:
    trunk = house.really_read(new=["one0", "one1"], replay=[], num_rows=2)
    whole = house.really_read(new=["one0", "one1"], replay=[], num_rows=3)
    assert trunk != whole  # the branch read something more
    for document, batch, shard in PLACES[:3]:
        seen = {one.model: one for one in models_beside(house.workspace, house.story(document, batch, shard))}
        inherited = {reading.training: reading.num_inherited for reading in seen["b"].inherited}
        assert inherited == ({"a": trunk[document]} if trunk[document] else {})
        assert _own(list(seen.values()))["a"] == whole[document]


def test_a_held_out_document_is_beside_a_model_and_never_learned(house: House) -> None:
    seen = models_beside(house.workspace, house.story("kept", "one"))
    assert [(one.model, one.own.side if one.own else None, one.is_learned) for one in seen] == [
        ("a", "heldout", False),
        ("b", "heldout", False),
    ]


def test_a_document_of_a_later_batch_has_nothing_to_do_with_an_earlier_model(house: House) -> None:
    assert [one.model for one in models_beside(house.workspace, house.story("d3", "two"))] == ["b"]


def test_a_document_that_no_model_had_is_beside_none(house: House) -> None:
    assert models_beside(house.workspace, house.story("dropped", "one")) == []


def test_the_documents_of_a_training_are_listed_by_url_without_the_held_out_ones(house: House) -> None:
    listed = {document.url: document.num_tokens for document in learned(house.workspace, "b")}
    assert listed == {"d0.txt": 6, "d1.txt": 3, "d2.txt": 12, "d3.txt": 14, "d4.txt": 6}
