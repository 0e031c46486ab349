"""The documents a decision looks at: all of this batch, and those of earlier batches that may matter to it.

Both are index.v1 tables. Of the earlier batches (145 bytes a document, read whole) only the few documents that share
a text or a key with this batch are held on to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.dedup.candidates import Keys, keys_of, may_share_key, num_keys, to_lists, to_matrix
from pipeline_lib.dedup.schemas import INDEX_SCHEMA, SKETCH_SCHEMA, part_name
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import INDEX_FILE, Earlier
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.tables import read_table


@dataclass(frozen=True)
class Entries:
    """An index.v1 table, its keys uint32[D, K], and the file that holds the text of each row, in rising order.

    A file of an earlier batch is verified when it is opened: few of them are.
    """

    table: pa.Table
    keys: Keys
    files: Sequence[Callable[[], Path]]
    file_numbers: NDArray[np.int64]  # [D], into `files`

    def __len__(self) -> int:
        return len(self.table)

    @property
    def document_ids(self) -> list[str]:
        """The ids in order."""
        ids: list[str] = self.table["document_id"].to_pylist()
        return ids

    def take(self, rows: NDArray[np.int64]) -> "Entries":
        """The entries of these rows."""
        return Entries(self.table.take(rows), self.keys[rows], self.files, self.file_numbers[rows])


def join(first: Entries, second: Entries) -> Entries:
    """All entries of `first`, then all of `second`."""
    return Entries(
        pa.concat_tables([first.table, second.table]),
        np.concatenate([first.keys, second.keys]),
        [*first.files, *second.files],
        np.concatenate([first.file_numbers, second.file_numbers + len(first.files)]),
    )


def read_batch(settings: DedupSettings, shards: Sequence[tuple[Path, Path]]) -> Entries:
    """All documents of a batch; `part` is the number of their shard, `row` their row in its documents."""
    tables, keys, numbers = [INDEX_SCHEMA.empty_table()], [np.empty((0, num_keys(settings)), np.uint32)], []
    for part, (_, sketch_path) in enumerate(shards):
        sketches = _read(sketch_path, SKETCH_SCHEMA)
        keys.append(keys_of(settings, sketches))
        numbers.append(np.full(len(sketches), part, np.int64))
        tables.append(_as_index(sketches, part, keys[-1]))
    files = [partial(Path, documents) for documents, _ in shards]
    return Entries(pa.concat_tables(tables), np.concatenate(keys), files, np.concatenate([_numbers([]), *numbers]))


def read_earlier(settings: DedupSettings, batches: Sequence[Earlier], batch: Entries) -> Entries:
    """Of what earlier batches kept and what was not withdrawn since: documents that share a text or a key with `batch`.

    Raises `DataError` when an index was made with other settings.
    """
    earlier = Entries(INDEX_SCHEMA.empty_table(), np.empty((0, num_keys(settings)), np.uint32), [], _numbers([]))
    for before in batches:
        found = _read_index(settings, before)
        matters = pc.is_in(found.table["content_id"], batch.table["content_id"].combine_chunks()).to_numpy()
        matters = matters | may_share_key(found.keys, batch.keys)
        gone = pa.array(sorted(before.withdrawn), pa.string())
        is_gone = pc.is_in(found.table["document_id"], gone).to_numpy()
        earlier = join(earlier, found.take(np.flatnonzero(matters & ~is_gone)))
    return earlier


def index_of(kept: Entries) -> pa.Table:
    """The index.v1 table of what a batch kept: `row` counts within the part that is written."""
    rows = [np.arange(size) for size in np.bincount(kept.file_numbers, minlength=len(kept.files))]
    rows_column = pa.array(np.concatenate([_numbers([]), *rows]).astype(np.int32))
    place = INDEX_SCHEMA.get_field_index("row")
    return kept.table.set_column(place, INDEX_SCHEMA.field("row"), rows_column).combine_chunks()


def _as_index(sketches: pa.Table, part: int, keys: Keys) -> pa.Table:
    columns = {
        **{name: sketches[name] for name in ("document_id", "content_id", "has_tokens", "simhash")},
        "part": pa.array(np.full(len(sketches), part, np.int32)),
        "row": pa.array(np.arange(len(sketches), dtype=np.int32)),
        "keys": to_lists(keys),
    }
    return pa.table([columns[name] for name in INDEX_SCHEMA.names], schema=INDEX_SCHEMA)


def _read_index(settings: DedupSettings, before: Earlier) -> Entries:
    path = before.open(INDEX_FILE)
    table = _read(path, INDEX_SCHEMA)
    try:
        keys = to_matrix(table["keys"], num_keys(settings))
    except ValueError as exc:
        raise DataError(
            f"{path}: its documents do not have {num_keys(settings)} keys each, so it was made with "
            "other [dedup] settings. Decide the earlier batches again with these."
        ) from exc
    parts = table["part"].to_numpy()
    names = [f"{part_name(part)}/{DOCUMENTS_FILE}" for part in range(int(parts.max(initial=-1)) + 1)]
    return Entries(table, keys, [partial(before.open, name) for name in names], parts.astype(np.int64))


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    table = read_table(path)
    if not table.schema.equals(schema):
        raise DataError(f"{path}: its columns are not those of this version. Delete its folder and run again.")
    return table


def _numbers(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)
