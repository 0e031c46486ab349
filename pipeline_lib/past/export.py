"""The newest snapshot as others open it: two folders that `datasets` reads as they are, and the tokenizer.

    FOLDER/texts/train-00000.parquet ...    the scrubbed texts, documents.v2 (`metadata` as a list of keys and values)
    FOLDER/tokens/train-00000.arrow ...     document_id, input_ids, loss_mask (null: all tokens are targets)
    FOLDER/segments/train-00000.parquet ... where asked for: the same texts cut: document_id, number, text
    FOLDER/.../test-00000 ...               the same of the held-out documents
    FOLDER/tokenizer/                       as `AutoTokenizer.from_pretrained` takes it

All have the same documents: those that a training may read and those that are held out, without what was withdrawn or
is over the caps of its source. The folder gets its name when all of it is written.
"""

import glob
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.model.reading.documents import Shard, trained_and_held_out
from pipeline_lib.model.reading.snapshot import EXCLUDED_FILE, SHARDS_FILE, read_excluded
from pipeline_lib.past.made import last_of
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import translate_os_error
from pipeline_lib.store.joined import batches_at, place_without
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import OPTIONS, iterate, read_table
from pipeline_lib.store.workspace import Workspace

Kind = Literal["texts", "tokens", "segments"]
Told = Callable[[float, float, str], None]  # shards done, shards in all, of what

KINDS: Final[tuple[Kind, ...]] = ("texts", "tokens")  # what is written where nothing else is asked for
SPLITS: Final = ("train", "test")
FILE_BYTES: Final = 512 << 20  # in memory; a file that holds as much is closed, and another one begun
PAIRS: Final = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))  # `datasets` knows no map
USUAL_SEGMENTS: Final = (200, 1_000)


@dataclass(frozen=True)
class Exported:
    """What was written."""

    snapshot: str  # its digest
    num_documents: Mapping[str, int]  # by split
    num_bytes: int  # of all files


@dataclass(frozen=True)
class _Row:
    """A token shard of the snapshot, and what is left out of it."""

    shard: Ref
    documents: Ref
    heldout_share: float
    excluded: tuple[str, ...]


Pieces = Callable[[_Row, Shard], Iterator[pa.Table]]


def export_snapshot(
    workspace: Workspace,
    folder: Path,
    kinds: Sequence[Kind],
    told: Told,
    *,
    segment_chars: tuple[int, int] = USUAL_SEGMENTS,
) -> Exported:
    """Write the newest snapshot into `folder`, which is not there yet or empty.

    `segment_chars`: how long a segment is at least and at most (clean/segments.py).
    Raises `SettingsError` for bounds that cannot be and for a folder that holds something, `DataError` where there is
    no snapshot, `DamagedArtifact` where something of it is gone or damaged, `UpstreamError` when the disk is full.
    """
    if not 0 <= segment_chars[0] <= segment_chars[1] or segment_chars[1] < 1:
        raise SettingsError(
            f"export: segments of {segment_chars[0]} to {segment_chars[1]} characters: say MIN, then MAX, at least 1."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"export: {folder} is there, and is no empty folder. Name another one.")
    half = folder.with_name(f"{_prefix(folder)}{os.getpid()}")
    try:
        _sweep(folder)
        half.mkdir(parents=True)
        exported = _write(workspace.store, _newest(workspace), half, kinds, segment_chars, told)
        if folder.exists():
            folder.rmdir()
        half.rename(folder)
    except OSError as exc:
        raise translate_os_error(exc, half) from exc
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return exported


def _prefix(folder: Path) -> str:
    """How a folder is called until all of it is written; behind it stands the process that writes."""
    return f".{folder.name}.part-"


def _sweep(folder: Path) -> None:
    """Remove what exports left that were killed. One that is at work is left alone."""
    for left in folder.parent.glob(f"{glob.escape(_prefix(folder))}*"):
        number = left.name.removeprefix(_prefix(folder))
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            shutil.rmtree(left)


def _newest(workspace: Workspace) -> Ref:
    """The snapshot of the last night that came to one."""
    for ref in last_of(workspace, "tokenize-snapshot", "tokenize.snapshot"):
        return ref
    raise DataError(f"export: {workspace.root} has no snapshot yet. nightshift run makes one.")


def _write(
    store: Store, snapshot: Ref, folder: Path, kinds: Sequence[Kind], segment_chars: tuple[int, int], told: Told
) -> Exported:
    opened = store.open(snapshot.stage, snapshot.fingerprint)
    tokenizer = opened.manifest.inputs["tokenizer"]
    shutil.copytree(
        store.open(tokenizer.stage, tokenizer.fingerprint).path,
        folder / "tokenizer",
        ignore=lambda _folder, names: [name for name in names if not name.startswith(("tokenizer", "special"))],
    )
    rows = list(_rows(opened.file(SHARDS_FILE), opened.file(EXCLUDED_FILE)))
    digest, counts = str(opened.manifest.facts["digest"]), dict.fromkeys(SPLITS, 0)
    for kind in kinds:
        pieces = partial(_pieces, store, kind, segment_chars)
        counts = _write_kind(store, rows, folder / kind, kind, pieces, told)
        (folder / kind / "README.md").write_text(_card(kind, digest, counts), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Exported(digest, counts, size)


def _rows(shards: Path, excluded: Path) -> Iterator[_Row]:
    left_out = read_excluded(excluded)
    columns = read_table(shards, ["shard", "documents", "heldout_share"])
    for shard, documents, share in zip(*(column.to_pylist() for column in columns.columns), strict=True):
        yield _Row(Ref("tokenize", shard), Ref("scrub", documents), share, left_out.get(shard, ()))


def _write_kind(
    store: Store, rows: Sequence[_Row], folder: Path, kind: Kind, pieces: Pieces, told: Told
) -> dict[str, int]:
    """All documents of one kind; how many of each split."""
    folder.mkdir()
    with _Split(folder, "train", kind) as train, _Split(folder, "test", kind) as test:
        for number, row in enumerate(rows):
            told(number, len(rows), f"shards of {kind}")
            path, span = place_without(store, row.shard.fingerprint, row.excluded)
            shard = Shard(path, row.heldout_share, row.excluded, span)
            names = trained_and_held_out(shard)
            for piece in pieces(row, shard):
                for split, own in zip((train, test), names, strict=True):
                    split.write(piece.filter(pc.is_in(piece["document_id"], own)))
        return {split.name: split.num_documents for split in (train, test)}


def _pieces(store: Store, kind: Kind, segment_chars: tuple[int, int], row: _Row, tokens: Shard) -> Iterator[pa.Table]:
    """What is exported of a shard, in pieces of bounded size."""
    if kind == "tokens":
        for batch in batches_at(tokens.path, tokens.span):
            columns = [batch.column(name) for name in ("document_id", "ids", "mask")]
            yield pa.table(columns, ["document_id", "input_ids", "loss_mask"])
        return
    opened = store.open(row.documents.stage, row.documents.fingerprint, files=[DOCUMENTS_FILE])
    columns = ["document_id", "text"] if kind == "segments" else DOCUMENTS_SCHEMA.names
    for piece in iterate(opened.file(DOCUMENTS_FILE), columns):
        if kind == "segments":
            yield _cut(piece, *segment_chars)
            continue
        at = piece.schema.get_field_index("metadata")
        yield piece.set_column(at, "metadata", piece["metadata"].cast(PAIRS))


def _cut(documents: pa.Table, at_least: int, at_most: int) -> pa.Table:
    """The segments of documents, without blanks around them; those of one count from 0."""
    from pipeline_lib.clean.segments import segments_of  # 0.2 s that others do without

    segments = segments_of(documents["text"].combine_chunks(), at_least=at_least, at_most=at_most)
    texts = pc.utf8_trim_whitespace(segments.values)
    counts = pc.list_value_length(segments).to_numpy(zero_copy_only=False)
    numbers = np.arange(len(texts)) - np.repeat(np.cumsum(counts) - counts, counts)
    ids = documents["document_id"].combine_chunks().take(pc.list_parent_indices(segments))
    cut = pa.table([ids, pa.array(numbers, pa.int32()), texts], ["document_id", "number", "text"])
    return cut.filter(pc.not_equal(texts, ""))


class _Split:
    """The files of one kind and split, each begun when there is something for it."""

    def __init__(self, folder: Path, name: str, kind: Kind) -> None:
        self.name, self.num_documents = name, 0
        self._folder, self._kind = folder, kind
        self._num_files, self._num_bytes = 0, 0
        self._open: list[Any] = []  # what is to be closed, the writer first

    def write(self, table: pa.Table) -> None:
        """Add documents; none adds nothing."""
        if not table.num_rows:
            return
        if not self._open:
            self._begin(table.schema)
        self._open[0].write_table(table)
        self.num_documents += pc.count_distinct(table["document_id"]).as_py()
        self._num_bytes += table.nbytes
        if self._num_bytes >= FILE_BYTES:
            self._end()

    def _begin(self, schema: pa.Schema) -> None:
        suffix = "arrow" if self._kind == "tokens" else "parquet"
        path = str(self._folder / f"{self.name}-{self._num_files:05d}.{suffix}")
        if self._kind != "tokens":
            self._open = [pq.ParquetWriter(path, schema, **OPTIONS)]
        else:
            file = pa.OSFile(path, "wb")
            self._open = [pa.ipc.new_stream(file, schema), file]
        self._num_files, self._num_bytes = self._num_files + 1, 0

    def _end(self) -> None:
        for each in self._open:
            each.close()
        self._open = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


def _card(kind: Kind, digest: str, counts: Mapping[str, int]) -> str:
    """A dataset card: its first lines tell `datasets` which files belong to which split."""
    files = "".join(f"  - split: {split}\n    path: {split}-*\n" for split, number in counts.items() if number)
    said = "; ".join(f"{number:,} documents of `{split}`" for split, number in counts.items())
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n"
        f"# {kind.capitalize()} of the snapshot {digest}\n\n"
        f"{said}. `test` are the held-out documents: no model of this workspace has learned from them.\n\n"
        f"    import datasets\n    datasets.load_dataset(FOLDER)  # this folder\n"
    )
