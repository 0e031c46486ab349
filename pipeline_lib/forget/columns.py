"""How a document is taken out of tables: its row stays where others are counted by it, and says nothing any more.

Files that belong together have the same rows in the same order, an index names rows by number, and a training is laid
out by the lengths of documents. So a row of a shard is blanked, not removed: its id is replaced by its keyed hash, its
url by a stand-in, its tokens by as many zeros, all that was said of it by nothing. What is asked by names alone
(members of a batch, the index of dedup, arrivals, benchmarks, scores) loses the row.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline_lib.forget.names import Names
from pipeline_lib.store.sides import NUM_SIDES
from pipeline_lib.store.tables import OPTIONS, SMALL_OPTIONS, opened

ID, SIDE, PATH, PLACE = "document_id", "side", "path", "place"
IDS = frozenset({ID, "duplicate_of"})  # columns of ids
TAKEN = "taken"  # lists of ids, in plans alone
# What a blanked row still says: where it lies, whether it was kept, how long it was. No content follows from it.
STAYS = frozenset(
    [
        "document_id",
        "source",
        "url",
        "file",
        "path",
        "format",
        "is_kept",
        "reason",
        "batch",
        "part",
        "shard",
        "row",
        "num_tokens",
        "num_bytes",
        "side",
        "label",
        "heldout_share",
        "documents",
    ]
)
NAMED = frozenset({"url", PLACE})  # of a blanked row: the stand-in, whatever stood there

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Taking:
    """Several documents that are taken out together."""

    names: tuple[Names, ...]

    @property
    def hashes(self) -> Mapping[str, str]:
        """By id the hash that takes its place."""
        return {old: new for one in self.names for old, new in one.ids.items()}

    @property
    def stand_ins(self) -> Mapping[str, str]:
        """By id the stand-in for the url."""
        return {old: one.stand_in for one in self.names for old in one.ids}

    @property
    def ids(self) -> frozenset[str]:
        """The ids as they were."""
        return frozenset(old for one in self.names for old in one.ids)

    @property
    def sides(self) -> frozenset[int]:
        """The numbers of their places."""
        return frozenset(one.side for one in self.names)

    @property
    def files(self) -> frozenset[str]:
        """The paths of those that were whole files."""
        return frozenset(one.path for one in self.names if one.path)

    @property
    def places(self) -> frozenset[str]:
        """The keyed hashes by which they are known from then on."""
        return frozenset(one.place for one in self.names)

    def files_of(self, source: str) -> Mapping[str, str]:
        """Of those of a source that were whole files, by path the stand-in."""
        return {one.path: one.stand_in for one in self.names if one.path and one.source == source}


def names_something(path: Path, taking: Taking, source: str | None) -> bool:
    """Whether a table has one of the documents, by id, place or, in a table of this source, file."""
    wanted = {name: pa.array(sorted(taking.ids), pa.string()) for name in (*IDS, TAKEN)}
    wanted[SIDE] = pa.array(sorted(taking.sides), pa.uint64())
    wanted[PATH] = wanted[PLACE] = pa.array(sorted(taking.files_of(source) if source else ()), pa.string())
    with opened(path) as file:
        columns = [name for name in file.schema_arrow.names if name in wanted]
        for number in range(file.num_row_groups if columns else 0):
            part = file.read_row_group(number, columns=columns, use_threads=False)
            if any(pc.any(pc.is_in(_values(part[name]), wanted[name])).as_py() for name in columns):
                return True
    return False


def has_names(path: Path) -> bool:
    """Whether a table says of which documents or files its rows are."""
    with opened(path) as file:
        return not {ID, SIDE, PATH, PLACE, "batch"}.isdisjoint(file.schema_arrow.names)


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.list_flatten(column) if pa.types.is_list(column.type) else column


def rows_with(path: Path, ids: Collection[str]) -> list[int]:
    """The numbers of the rows of these documents, in order."""
    with opened(path) as file:
        found = file.read(columns=[ID], use_threads=False)[ID]
    return np.flatnonzero(_mask(pc.is_in(found, pa.array(sorted(ids), pa.string())))).tolist()


def blank_rows(source: Path, target: Path, taking: Taking, rows: Collection[int] = ()) -> int:
    """Copy a table with these documents blanked and their names replaced; `rows` are blanked, whatever they name."""
    numbers = np.array(sorted(rows), np.int64)

    def blanked(part: pa.Table, start: int) -> pa.Table:
        is_theirs = np.isin(np.arange(start, start + part.num_rows), numbers)
        if ID in part.column_names:
            is_theirs |= _mask(pc.is_in(part[ID], pa.array(sorted(taking.ids), pa.string())))
        part = _blanked(part, is_theirs, taking)
        for name in IDS.intersection(part.column_names):
            part = _replaced(part, name, taking.hashes)
        return part

    return _copy(source, target, blanked)


def without_rows(source: Path, target: Path, taking: Taking) -> int:
    """Copy a table without the rows of these documents."""

    def left(part: pa.Table, _start: int) -> pa.Table:
        column, wanted = ID, pa.array(sorted(taking.ids), pa.string())
        if ID not in part.column_names:
            column, wanted = SIDE, pa.array(sorted(taking.sides), pa.uint64())
        return part.filter(pc.invert(pc.is_in(part[column], wanted)))

    return _copy(source, target, left)


def gone_files(source: Path, target: Path, stand_ins: Mapping[str, str]) -> int:
    """Copy a list of files; those that were documents as a whole have another name, and count as gone."""

    def gone(part: pa.Table, _start: int) -> pa.Table:
        is_theirs = pc.is_in(part[PATH], pa.array(stand_ins, pa.string()))
        at = part.schema.get_field_index("digest")
        digests = pc.if_else(is_theirs, pa.scalar(None, pa.string()), part["digest"])
        return _replaced(part.set_column(at, part.schema.field(at), digests), PATH, stand_ins)

    return _copy(source, target, gone)


def renamed_files(source: Path, target: Path, stand_ins: Mapping[str, str]) -> int:
    """Copy a list of what never became a document, where one of the files did later."""
    return _copy(source, target, lambda part, _start: _replaced(part, PLACE, stand_ins))


def _copy(source: Path, target: Path, change: Callable[[pa.Table, int], pa.Table]) -> int:
    """Copy a Parquet file row group by row group, since files that belong together are read so; its rows."""
    with opened(source) as file:
        is_small = file.num_row_groups and file.metadata.row_group(0).column(0).compression == "UNCOMPRESSED"
        start, num_rows = 0, 0
        with pq.ParquetWriter(target, file.schema_arrow, **(SMALL_OPTIONS if is_small else OPTIONS)) as writer:
            for number in range(file.num_row_groups):
                part = file.read_row_group(number, use_threads=False)
                changed = change(part, start)
                start += part.num_rows
                num_rows += changed.num_rows
                if changed.num_rows:
                    writer.write_table(changed.cast(file.schema_arrow), row_group_size=changed.num_rows)
    return num_rows


def _blanked(part: pa.Table, is_theirs: Mask, taking: Taking) -> pa.Table:
    if not is_theirs.any():
        return part
    chosen = pa.array(is_theirs)
    stand_ins = [taking.stand_ins.get(name, "") for name in part[ID].to_pylist()] if ID in part.column_names else []
    for at, field in enumerate(part.schema):
        column = part[field.name]
        if field.name in NAMED:
            part = part.set_column(at, field, pc.if_else(chosen, pa.array(stand_ins, pa.string()), column))
        elif field.name == "file":
            whole = pa.array(sorted(taking.files), pa.string())
            is_whole = pc.and_(chosen, pc.is_in(column, whole))
            part = part.set_column(at, field, pc.if_else(is_whole, pa.array(stand_ins, pa.string()), column))
        elif field.name not in STAYS:
            part = part.set_column(at, field, _nothing(column, field, is_theirs))
    return part


def _nothing(column: pa.ChunkedArray, field: pa.Field, is_theirs: Mask) -> pa.Array:
    """The column with nothing in the marked rows: null where it may be, else an empty or zero value."""
    values = column.to_pylist()
    return pa.array(
        [_empty(field.type, value, field.nullable) if theirs else value
         for value, theirs in zip(values, is_theirs.tolist(), strict=True)],
        field.type,
    )  # fmt: skip


def _empty(kind: pa.DataType, value: Any, may_be_null: bool) -> Any:
    if pa.types.is_list(kind) and value is not None and pa.types.is_integer(kind.value_type):
        return [0] * len(value)  # keys of a sketch: as many as all have
    if may_be_null:
        return None
    if pa.types.is_fixed_size_binary(kind):
        return bytes(kind.byte_width)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ""
    return False if pa.types.is_boolean(kind) else 0


def _replaced(part: pa.Table, name: str, by: Mapping[str, str]) -> pa.Table:
    """The table with each of these values of a column replaced."""
    places = pc.index_in(part[name], pa.array(by.keys(), pa.string()))
    if places.null_count == len(places):
        return part
    values = pc.coalesce(pc.take(pa.array(by.values(), pa.string()), places), part[name])
    at = part.schema.get_field_index(name)
    return part.set_column(at, part.schema.field(at), values)


def _mask(found: pa.ChunkedArray) -> Mask:
    return np.array(found.to_pylist(), np.bool_)


def holes(source: Path, target: Path, taking: Taking) -> int:
    """Copy a token shard in which these documents are as many zeros, on the side where they were; its rows."""
    num_rows = 0
    wanted = pa.array(sorted(taking.ids), pa.string())
    with (
        pa.memory_map(str(source)) as file,
        pa.ipc.open_stream(file) as stream,
        pa.OSFile(str(target), "wb") as out,
        pa.ipc.new_stream(out, stream.schema) as writer,
    ):
        for batch in stream:
            num_rows += batch.num_rows
            is_theirs = _mask(pc.is_in(batch.column(ID), wanted))
            writer.write_batch(_with_holes(batch, is_theirs, taking) if is_theirs.any() else batch)
    return num_rows


def _with_holes(batch: pa.RecordBatch, is_theirs: Mask, taking: Taking) -> pa.RecordBatch:
    far = {old: 0 if one.is_held_out else NUM_SIDES - 1 for one in taking.names for old in one.ids}
    own = batch.column(ID).to_pylist()
    names = [taking.hashes.get(name, name) for name in own]
    sides = [far.get(name, side) for name, side in zip(own, batch.column(SIDE).to_pylist(), strict=True)]
    ids = batch.column("ids")
    offsets = np.array(ids.offsets.to_pylist(), np.int32)
    values = np.array(ids.values.to_numpy())
    for row in np.flatnonzero(is_theirs).tolist():
        values[offsets[row] : offsets[row + 1]] = 0
    masks = [None if theirs else mask for theirs, mask in zip(is_theirs, batch.column("mask").to_pylist(), strict=True)]
    columns = [
        pa.array(names, pa.string()),
        pa.array(sides, pa.uint64()),
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), type=batch.schema.field("ids").type),
        pa.array(masks, batch.schema.field("mask").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def counts_of(batches: Iterable[pa.RecordBatch], ids: Collection[str], vocab_size: int) -> NDArray[np.int64]:
    """How often each token comes in these documents of a token shard, int64[V]."""
    total = np.zeros(vocab_size, np.int64)
    wanted = pa.array(sorted(ids), pa.string())
    for batch in batches:
        own = batch.column("ids").filter(pc.is_in(batch.column(ID), wanted))
        total += np.bincount(own.flatten().to_numpy(), minlength=vocab_size)
    return total
