"""Where words stand in a folder, byte for byte: in its files as they lie, and in what tables and databases hold.

found = places_of(workspace, {"id": b"...", "words": b"..."})     {"id": ["artifacts/.../ledger.parquet:document_id"]}
"""

import gzip
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def places_of(folder: Path, wanted: Mapping[str, bytes]) -> dict[str, list[str]]:
    """By name of what is wanted the files in which it stands, with the column or table where that is known."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for where, content in (("", path.read_bytes()), *_decoded(path)):
            for name, needle in wanted.items():
                if needle in content:
                    found.setdefault(name, []).append(f"{path.relative_to(folder)}{where}")
    return found


def _decoded(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.suffix == ".parquet":
        yield from _columns(pq.read_table(path))
    elif path.suffix == ".arrow":
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
            yield from _columns(stream.read_all())
    elif path.suffix == ".gz":
        yield "", gzip.decompress(path.read_bytes())
    elif path.suffix == ".db":
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
                rows = database.execute(f'select * from "{table}"')
                yield f":{table}", b"\n".join(cell for row in rows for cell in _cells(list(row)))


def _columns(table: pa.Table) -> Iterator[tuple[str, bytes]]:
    for name in table.column_names:
        yield f":{name}", b"\n".join(cell for value in table[name].to_pylist() for cell in _cells(value))


def _cells(value: Any) -> Iterator[bytes]:
    if isinstance(value, Mapping):
        yield from (cell for pair in value.items() for cell in _cells(pair))
    elif isinstance(value, list | tuple):
        yield from (cell for one in value for cell in _cells(one))
    elif value is not None:
        yield value if isinstance(value, bytes) else str(value).encode()
