"""The memory of a worker process that takes in a source of so many documents: its peak, one process a source."""

import gzip
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

AT_MOST = 1.3  # peak of the large one over that of the small one; lists of everything: 3 to 5
SMALL, LARGE = 20_000, 100_000  # documents: two pieces of 8,192 rows and some more, and five times as many

# What a worker process does: land, scan and read, and the peak of its memory in MB at last.
NIGHT = """
import sys
from pathlib import Path
from pipeline_lib.ingest.settings import IngestSettings
from tests.source_nights import House

house = House(Path(sys.argv[1]))
if sys.argv[2]:
    house.other = IngestSettings.model_validate({"sources": [{"kind": "sql", "name": "docs", "url": sys.argv[2],
                                                              "table": "articles"}]}).sources[0]
    house.land()
plan = house.scan()
house.seal(plan)
print(sum(house.loose.outcomes[house.shard_work(plan, shard).ref].rows_out for shard in plan.shards))
status = Path("/proc/self/status").read_text()  # a child's ru_maxrss begins with that of its parent
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def rows(num_rows: int, num_chars: int) -> Iterator[tuple[int, str]]:
    return ((number, f"{number} night ".ljust(num_chars, "x")) for number in range(num_rows))


def lines(num_rows: int, num_chars: int) -> bytes:
    return b"".join(json.dumps({"id": n, "text": text}).encode() + b"\n" for n, text in rows(num_rows, num_chars))


def put_lines(folder: Path, num_rows: int) -> None:
    (folder / "docs/a.jsonl").write_bytes(lines(num_rows, 440))


def put_gzip(folder: Path, num_rows: int) -> None:
    (folder / "docs/a.jsonl.gz").write_bytes(gzip.compress(lines(num_rows, 20), 1))


def put_csv(folder: Path, num_rows: int) -> None:
    content = "".join(f"{number},{text}\n" for number, text in rows(num_rows, 440))
    (folder / "docs/a.csv").write_text("id,text\n" + content)


def put_parquet(folder: Path, num_rows: int) -> None:
    """One row group, as writers make them that are told nothing."""
    dice = random.Random(1)  # text that does not get smaller by compression
    table = pa.table({"id": range(num_rows), "text": [dice.randbytes(1_000).hex() for _ in range(num_rows)]})
    pq.write_table(table, folder / "docs/a.parquet", row_group_size=num_rows)


def put_bad_lines(folder: Path, num_rows: int) -> None:
    (folder / "docs/a.jsonl").write_bytes(b'{"text": 1}\n' * num_rows)


def put_table(folder: Path, num_rows: int) -> None:
    with closing(sqlite3.connect(folder / "data.db")) as connection, connection:
        connection.execute("CREATE TABLE articles (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO articles VALUES (?, ?)", rows(num_rows, 440))


def growth(folder: Path, put: Callable[[Path, int], None]) -> float:
    """The peak with LARGE documents over that with SMALL: to be at most AT_MOST."""
    small, large = peak(folder / "small", put, SMALL), peak(folder / "large", put, LARGE)
    print(f"{put.__name__}: {small} MB, {large} MB")
    return large / small


def peak(folder: Path, put: Callable[[Path, int], None], num_rows: int) -> int:
    """In MB."""
    (folder / "docs").mkdir(parents=True)
    put(folder, num_rows)
    url = f"sqlite:///{folder}/data.db" if put is put_table else ""
    done = subprocess.run([sys.executable, "-c", NIGHT, str(folder), url], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    num_read, megabytes = map(int, done.stdout.split())
    assert num_read == (0 if put is put_bad_lines else num_rows)
    return megabytes
