"""A plan as files: what its artifact holds, and the copy that is kept apart to rebuild a batch that was lost.

plan.json            all but the long lists; the digests that name its shards, in order
files.parquet        the files of all shards: a row group a shard, so that a maker reads its own alone
tombstones.parquet   the documents that leave
digests.json         of a kept plan only (an artifact has its manifest): size and digest of each of these

A plan that is read is compared with its names: each shard with the digest of what it lists, the whole with that of all.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.ingest.packed import ID, Ids, Placed, line_numbers, lines_of, pack_array, unpack
from pipeline_lib.ingest.plan import (
    FILES_FILE,
    PLAN_FILE,
    TOMBSTONES_FILE,
    BatchPlan,
    FilePlan,
    ShardPlan,
    parts_told,
    shard_content,
)
from pipeline_lib.ingest.records import PassedOver
from pipeline_lib.ingest.tables import PLANNED_FILES_SCHEMA, TOMBSTONES_SCHEMA
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json, replace_folder, write_json
from pipeline_lib.store.records import make_room_for_folder
from pipeline_lib.store.sealed import fault_of, seal
from pipeline_lib.store.tables import ROW_GROUP_ROWS, TableWriter, iterate_evenly, opened, write_parquet
from pipeline_lib.store.tokens import numbers

DIGESTS_FILE = "digests.json"


@dataclass(frozen=True)
class PlannedShard:
    """A shard as its maker finds it, with what it needs to know of the plan."""

    source: str
    reading: str
    shard: ShardPlan


def write_plan(plan: BatchPlan, folder: Path) -> None:
    """Fill an empty folder with the files of a plan."""
    with TableWriter(folder / FILES_FILE, PLANNED_FILES_SCHEMA) as writer:
        for shard in plan.shards:
            writer.write(_files_table(shard))
    write_tombstones(plan, folder / TOMBSTONES_FILE)
    header = {
        "source": plan.source,
        "reading": plan.reading,
        "before": plan.before,
        "shards": [shard.content for shard in plan.shards],
        "gone": list(plan.gone),
        "passed_over": {kind: asdict(passed) for kind, passed in plan.passed_over.items()},
        "num_new_files": plan.num_new_files,
        "num_changed_files": plan.num_changed_files,
        **parts_told(plan.shards),
    }
    write_json(folder / PLAN_FILE, header)


def read_plan(folder: Path) -> BatchPlan:
    """The plan that `write_plan` wrote. Raises `DataError` when that is not what lies there."""
    try:
        if (folder / DIGESTS_FILE).exists() and (fault := fault_of(folder, DIGESTS_FILE, apart=())):
            raise ValueError(str(fault))
        header = read_json(folder / PLAN_FILE)
        with opened(folder / FILES_FILE) as file:
            shards = tuple(_shard(file, header, index) for index in range(len(header["shards"])))
        return BatchPlan(
            **{
                **{name: told for name, told in header.items() if name != "parts"},
                "shards": shards,
                "tombstones": Placed.read(iterate_evenly(folder / TOMBSTONES_FILE)),
                "gone": tuple(header["gone"]),
                "passed_over": {kind: PassedOver(**passed) for kind, passed in header["passed_over"].items()},
            }
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, pa.ArrowException) as exc:
        raise DataError(
            f"{folder}: holds no plan of a batch that can be read. Delete the folder and run again."
        ) from exc


def read_shard_plan(header_path: Path, files_path: Path, content: str) -> PlannedShard:
    """The shard of this content. Raises `DataError` when the plan has none, or another under its name."""
    header: dict[str, Any] = read_json(header_path)
    try:
        with opened(files_path) as file:
            shard = _shard(file, header, header["shards"].index(content))
    except ValueError as exc:
        raise DataError(
            f"{header_path}: holds no shard {content}. Run again: the source is then looked at anew."
        ) from exc
    return PlannedShard(header["source"], header["reading"], shard)


def keep_plan(plan: BatchPlan, folder: Path) -> None:
    """Put the plan under this name, whole and durable or not at all, unless it stands there already."""
    with suppress(DataError):
        if read_plan(folder) == plan:
            return
    for place in (folder.parent, folder):
        make_room_for_folder(place)
    temporary = folder.parent.with_name(f".{folder.name}.{os.getpid()}.tmp")  # nobody lists all the plans there are
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    write_plan(plan, temporary)
    seal(temporary, DIGESTS_FILE)
    replace_folder(temporary, folder)


def copy_plan(kept: Path, content: str, folder: Path) -> Outcome:
    """Make the artifact of the plan that was kept under `kept`. Raises `DataError` when it is another or none."""
    plan = read_plan(kept)
    if plan.content != content:
        raise DataError(f"{kept}: is not the plan {content}. Delete the folder and run again.")
    write_plan(plan, folder)
    num_files = sum(len(shard.files) for shard in plan.shards)
    return Outcome(
        rows_in=num_files,
        rows_out=num_files,
        file_rows={FILES_FILE: num_files, TOMBSTONES_FILE: len(plan.tombstones)},
        facts={"source": plan.source, "content": content, **plan_facts(plan)},
    )


def plan_facts(plan: BatchPlan) -> dict[str, Any]:
    """What the manifests of plan and batch say of it."""
    return {
        "reading": plan.reading,
        "num_new_files": plan.num_new_files,
        "num_changed_files": plan.num_changed_files,
        "num_gone_files": plan.num_gone_files,
        "num_tombstones": len(plan.tombstones),
        "passed_over": {kind: passed.num_files for kind, passed in plan.passed_over.items()},
    }


def write_tombstones(plan: BatchPlan, path: Path) -> None:
    """Write the documents that leave, in row groups as `write_parquet` makes them of a table."""
    if len(plan.tombstones) <= ROW_GROUP_ROWS:
        write_parquet(next(plan.tombstones.tables()), path)
        return
    with TableWriter(path, TOMBSTONES_SCHEMA) as writer:
        for table in plan.tombstones.tables():
            writer.write(table)


def _files_table(shard: ShardPlan) -> pa.Table:
    files: Sequence[FilePlan] = shard.files
    taken = [None if file.taken is None else file.taken.packed for file in files]
    lines = [None if file.lines is None else line_numbers(file.lines) for file in files]
    columns = {
        "path": [file.path for file in files],
        "digest": [file.digest for file in files],
        "bytes": [file.bytes for file in files],
        "taken": _lists(taken, unpack(_joined(taken, ID))),
        "heldout_share": [file.heldout_share for file in files],
        "is_return": [file.is_return for file in files],
        "lines": _lists(lines, pa.array(_joined(lines, np.int64))),
        "num_passed_over": [file.num_passed_over for file in files],
    }
    return pa.table(columns, PLANNED_FILES_SCHEMA)


def _joined(lists: Sequence[NDArray[Any] | None], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *(one for one in lists if one is not None)])


def _lists(lists: Sequence[NDArray[Any] | None], values: pa.Array) -> pa.ListArray:
    """A list a row, or null, from the values of all."""
    lengths = [0 if one is None else len(one) for one in lists]
    is_null = pa.array([one is None for one in lists], pa.bool_())
    return pa.ListArray.from_arrays(pa.array([0, *accumulate(lengths)], pa.int32()), values, mask=is_null)


def _arrays(lists: pa.ListArray, values: NDArray[Any]) -> Iterator[NDArray[Any] | None]:
    """They again."""
    ends = numbers(lists.offsets, np.int32).tolist()
    for is_there, start, end in zip((one.is_valid for one in lists), ends, ends[1:], strict=False):
        yield values[start:end] if is_there else None


def _shard(file: pq.ParquetFile, header: Mapping[str, Any], index: int) -> ShardPlan:
    """Raises `ValueError` when the files that are listed are not those of its name."""
    files = tuple(_files(file.read_row_group(index, use_threads=False)))
    content = header["shards"][index]
    if shard_content(header["source"], header["reading"], files) != content or len(set(map(_share, files))) != 1:
        raise ValueError(f"shard {index} lists other files than those it is named by")
    parts = header.get("parts")
    return ShardPlan(index, files, content, 1 if parts is None else parts[index])


def _share(file: FilePlan) -> float:
    return file.heldout_share


def _files(table: pa.Table) -> Iterator[FilePlan]:
    """The files as they were planned; a plan that was kept by an earlier release says nothing of lines."""
    taken = table["taken"].combine_chunks()
    ids = _arrays(taken, pack_array(taken.values))
    lines: Iterable[NDArray[Any] | None] = repeat(None)
    if "lines" in table.column_names:
        found = table["lines"].combine_chunks()
        lines = _arrays(found, numbers(found.values, np.int64))
    fields = table.select([name for name in table.column_names if name not in ("taken", "lines")]).to_pylist()
    for row, own, places in zip(fields, ids, lines, strict=False):
        yield FilePlan(
            taken=None if own is None else Ids(own), lines=None if places is None else lines_of(places), **row
        )
