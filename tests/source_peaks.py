"""The memory of a worker process that takes in a source of so many documents: its peak, one process a source.

What is all new goes by in pieces (`growth`). Of a file that changed each line costs some bytes: `held_a_line`, and with
the writer of Parquet `resident_a_line`.
"""

import gzip
import json
import random
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline_lib.ingest import stage
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.ingest.plan_files import read_plan
from tests.source_nights import House

AT_MOST = 1.3  # peak of the large one over that of the small one; lists of everything: 3 to 5
FEW, MANY = 2_000, 10_000  # lines of a file that is changed
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
print(sum(house.loose.outcomes[work.ref].rows_out for work in house.shard_works(plan)))
status = Path("/proc/self/status").read_text()  # a child's ru_maxrss begins with that of its parent
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


# The nights of `changes`, each with the peak of the process so far in MB.
NIGHTS = """
import sys
from pathlib import Path
from tests.source_peaks import changes

for _ in changes(Path(sys.argv[1]), int(sys.argv[2])):
    status = Path("/proc/self/status").read_text()
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


def changes(folder: Path, num_rows: int, look: Callable[[House], BatchPlan | None] = House.scan) -> Iterator[None]:
    """The nights of one file of so many short lines: all of them are new, then one is added, then all are changed."""
    house = House(folder)
    for word, num_lines, num_taken, num_left in (
        ("line", num_rows, num_rows, 0),
        ("line", num_rows + 1, 1, 0),
        ("lane", num_rows + 1, num_rows + 1, num_rows + 1),
    ):
        house.write(
            "a.jsonl", b"".join(b'{"id": %d, "text": "%s %d"}\n' % (n, word.encode(), n) for n in range(num_lines))
        )
        plan = look(house)
        assert plan is not None
        house.batches.append(house.seal(plan))
        counts = [house.loose.outcomes[work.ref].rows_out for work in house.shard_works(plan)]
        assert (sum(counts), len(plan.tombstones)) == (num_taken, num_left)
        yield


def held_a_line(folder: Path, small: int, large: int) -> list[float]:
    """What a line adds to the bytes that Python and numpy hold at most when a file is looked at, its plan is kept and
    read again: in each night of `changes` but the first. Allocations are counted, so it is the same each time.
    """
    _held(folder / "loaded", 10)  # loads what is needed
    return _a_line(_held(folder / "small", small), _held(folder / "large", large), large - small)


def resident_a_line(folder: Path, small: int, large: int) -> list[float]:
    """The same of the bytes that the process has in memory, with those that Arrow takes to write and read a plan."""
    return _a_line(_resident(folder / "small", small), _resident(folder / "large", large), large - small)


def _a_line(few: Sequence[int], many: Sequence[int], num_lines: int) -> list[float]:
    print([f"{less} bytes, {more} bytes" for less, more in zip(few, many, strict=True)])
    return [(more - less) / num_lines for less, more in zip(few, many, strict=True)][1:]


def _held(folder: Path, num_rows: int) -> list[int]:
    peaks: list[int] = []

    def look(house: House) -> BatchPlan | None:
        tracemalloc.start()
        try:
            plan = house.scan()
            assert plan is not None
            assert read_plan(stage.keep(plan, house.root)).content == plan.content
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        return plan

    for _ in changes(folder, num_rows, look):
        pass
    return peaks


def _resident(folder: Path, num_rows: int) -> list[int]:
    command = [sys.executable, "-c", NIGHTS, str(folder), str(num_rows)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [int(megabytes) << 20 for megabytes in done.stdout.split()]


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
