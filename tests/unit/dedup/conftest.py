"""Nights of dedup on a few small texts."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.dedup.schemas import INDEX_FILE, SKETCH_FILE
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import DECIDE, INDEX, SKETCH, TEXT_STAGE
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import TableWriter
from tests.given import LooseStore

Shard = dict[str, str]  # text by document id
Past = Literal["decided", "one index", "halves"]
SMALL_PIECE = 3


class Shelves(LooseStore):
    """Folders that may be released; what was opened is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, str]] = []

    def open(self, stage: str, name: str, *, files: Sequence[str] | None = None) -> Any:
        self.opened += [(name, file) for file in files or ()]
        return super().open(stage, name, files=files)

    def path(self, stage: str, name: str) -> Path:
        return self.folders.get(Ref(stage, name), Path("/nowhere"))

    def members(self, ref: Ref) -> Iterator[Ref]:
        yield from self.lists.get(ref, [ref])

    def hold(self, stage: str, folder: Path) -> Ref:
        ref = Ref(stage, folder.name)
        self.folders[ref] = folder
        return ref

    def list(self, refs: Sequence[Ref]) -> Ref:
        ref = Ref("list", str(len(self.lists)))
        self.lists[ref] = [*refs]
        return ref


@dataclass(frozen=True)
class Decided:
    """A decided batch and what is in its files."""

    folder: Path
    outcome: Outcome
    shards: Sequence[Shard]

    @property
    def kept(self) -> list[str]:
        return [name for name, row in self.ledger.items() if row["is_kept"]]

    @property
    def ledger(self) -> dict[str, dict[str, Any]]:
        parts = sorted(self.folder.glob("part-*/ledger.parquet"))
        return {row["document_id"]: row for path in parts for row in pq.read_table(path).to_pylist()}

    @property
    def texts(self) -> Shard:
        return {name: shard[name] for shard in self.shards for name in shard if name in set(self.kept)}

    @property
    def bytes(self) -> dict[str, bytes]:
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


@dataclass
class Nights:
    """Decides one batch after the other, each against all before it, by the makers, in folders of their own."""

    root: Path
    settings: DedupSettings
    past: Past = "decided"
    store: Shelves = field(default_factory=Shelves)
    batches: list[Decided] = field(default_factory=list)
    segments: list[Ref] = field(default_factory=list)  # of all decided batches

    def decide(self, *shards: Shard, withdrawn: Collection[str] = (), unfit: Collection[str] = ()) -> Decided:
        """`withdrawn` left their source in this night; `unfit` are documents that were judged bad."""
        number = len(self.batches)
        texts = [self._cleaned(shard, f"{number}-{part}", unfit) for part, shard in enumerate(shards)]
        sketches = [self._made(SKETCH, f"sketch-{text.fingerprint}", text=text)[0] for text in texts]
        tombstones = self.folder(f"ingested-{number}")
        pq.write_table(pa.table({"document_id": pa.array(withdrawn, pa.string())}), tombstones / "tombstones.parquet")
        named = {name: self.store.list(refs) for name, refs in zip(("texts", "judged"), (texts, texts), strict=True)}
        named |= {"sketches": self.store.list(sketches), "withdrawn": self.store.hold("ingest", tombstones)}
        decided, outcome = self._made(DECIDE, f"decided-{number}", self._earlier(), **named)
        self.segments.append(decided)
        self.batches.append(Decided(self.store.folders[decided], outcome, shards))
        return self.batches[-1]

    def release_texts(self) -> None:
        """Texts of all batches so far are gone, as retention may have it."""
        self.store.folders = {ref: folder for ref, folder in self.store.folders.items() if ref.stage != TEXT_STAGE}

    def index(self, segments: Sequence[Ref], *, is_oldest: bool = False) -> Ref:
        """One segment for several."""
        name = f"index-{len(list(self.root.glob('index-*')))}"
        made, outcome = self._made(INDEX, name, segments, params={"is_oldest": is_oldest})
        assert outcome.rows_in == outcome.rows_out + sum(outcome.dropped.values())
        return made

    def rows(self, segment: Ref) -> list[dict[str, Any]]:
        """The index.v1 rows of a segment."""
        rows: list[dict[str, Any]] = pq.read_table(self.store.folders[segment] / INDEX_FILE).to_pylist()
        return rows

    def sketch(self, shard: str) -> Path:
        """The sketches of a shard: "0-1" is the second one of the first batch."""
        return self.root / f"sketch-{shard}" / SKETCH_FILE

    def folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir()
        return path

    def _earlier(self) -> list[Ref]:
        """The past as the decided batches, as one index made of all, or as two that were merged from the end."""
        if self.past == "decided":
            return self.segments
        if self.past == "one index":
            self.segments = [self.index(self.segments, is_oldest=True)] if self.segments else []
            return self.segments
        middle = len(self.segments) // 2
        halves = [self.segments[:middle], self.segments[middle:]]
        return [self.index(half) for half in halves if half]

    def _cleaned(self, shard: Shard, name: str, unfit: Collection[str]) -> Ref:
        """A shard of clean texts in small row groups, with its ledger."""
        folder = self.folder(name)
        table = documents_of(shard)
        with TableWriter(folder / "documents.parquet", DOCUMENTS_SCHEMA) as writer:
            for start in range(0, len(table), SMALL_PIECE):
                writer.write(table.slice(start, SMALL_PIECE))
        is_kept = [document not in unfit for document in shard]
        ledger = pa.table({"document_id": pa.array(shard, pa.string()), "is_kept": pa.array(is_kept, pa.bool_())})
        pq.write_table(ledger, folder / "ledger.parquet")
        return self.store.hold(TEXT_STAGE, folder)

    def _made(
        self, maker: Maker, name: str, members: Sequence[Ref] = (), params: Any = None, **named: Ref
    ) -> tuple[Ref, Outcome]:
        folder = self.folder(name)
        inputs = Inputs(cast(Store, self.store), named, params or {}, tuple(members))
        outcome = maker.make(self.settings.only(maker.reads), inputs, folder)
        return self.store.hold("dedup", folder), outcome


def documents_of(shard: Shard) -> pa.Table:
    rows = [
        {"document_id": name, "source": "test", "url": name, "format": "text", "text": text}
        for name, text in shard.items()
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA)


@pytest.fixture
def nights(tmp_path: Path) -> Callable[..., Nights]:
    """Make a row of nights with settings of your own: `nights(method="simhash")`."""

    def make(past: Past = "decided", **settings: Any) -> Nights:
        root = tmp_path / f"nights-{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        return Nights(root, DedupSettings(**settings), past)

    return make
