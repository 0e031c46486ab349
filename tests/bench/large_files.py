"""Large files and many small ones: whether one file feeds all workers, and what reading costs.

    clean_two_workers_ratio    clean of one JSON Lines file of 120 MB by two workers: its speed over that of one worker
    clean_memory_ratio         most memory of `nightshift clean`, one worker: a file of 1 GB over one of 10 MB
    ingest_mb_s_core_*         MB of text of a file of 120 MB over CPU seconds of ingest on one core: scan, plan,
                               reading, ledger, digests, seals, the batch
    scan_100k_files_seconds    a look at 100,000 files of which nothing changed, behind one batch of them all

Texts are the documentation corpus (corpora.py); the file of a gigabyte has it several times, a number before each
text. The ratio of workers is of wall times inside the stage: it means something on two quiet cores only.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.corpora import documentation
from tests.bench.documents import texts_of, write_config
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import Workbench

FIGURES = (
    Figure("clean_two_workers_ratio", "ratio", "higher", "clean of one file: two workers over one", 1.8),
    Figure("clean_memory_ratio", "ratio", "lower", "memory of clean, one file of 1 GB over one of 10 MB", 1.3),
    Figure("ingest_mb_s_core_jsonl", "MB/s/core", "higher", "ingest of one JSON Lines file, with ledger", 60.0),
    Figure("ingest_mb_s_core_parquet", "MB/s/core", "higher", "ingest of one Parquet file, with ledger", 60.0),
    Figure("scan_100k_files_seconds", "s", "lower", "a look at 100,000 files, nothing new", 2.0),
)
MEGABYTES, SMALL_MEGABYTES, LARGE_TIMES = 120, 10, 9
ROUNDS = 3


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    home = bench.root / "large"
    demo = home / "demo"
    bench.stage("ingest", demo)
    texts = list(documentation(texts_of(demo), megabytes=MEGABYTES).values())
    lines, table = home / "lines", home / "table"
    megabytes = _write_lines(texts, lines, 1)
    _write_lines(texts[:200], home / "few", 1)
    _write_table(texts[:200], home / "few")
    yield "clean_two_workers_ratio", _two_workers(bench, home, lines)
    yield "clean_memory_ratio", _memory(bench, home, texts)
    yield "ingest_mb_s_core_jsonl", megabytes / _ingest(bench, home, lines)
    _write_table(texts, table)
    yield "ingest_mb_s_core_parquet", megabytes / _ingest(bench, home, table)
    shutil.rmtree(home)
    yield "scan_100k_files_seconds", _child(bench, "scan", str(bench.root / "many"))["seconds"]


def _two_workers(bench: Workbench, home: Path, folder: Path) -> float:
    one, two = (_stages(bench, home, folder, workers)["clean"] for workers in (1, 2))
    bench.say(f"clean of {MEGABYTES} MB: {one:.1f} s by one worker, {two:.1f} s by two")
    return one / two


def _stages(bench: Workbench, home: Path, folder: Path, workers: int) -> Mapping[str, float]:
    config = write_config(home / "bench.toml", folder=folder, workspace=home / f"by-{workers}")
    done = _child(bench, "clean", str(config), "--resources.workers", str(workers))
    shutil.rmtree(home / f"by-{workers}")
    seconds: Mapping[str, float] = done["stages"]
    return seconds


def _memory(bench: Workbench, home: Path, texts: list[str]) -> float:
    num_small = round(len(texts) * SMALL_MEGABYTES / MEGABYTES)
    peaks = []
    for name, some, times in (("small", texts[:num_small], 1), ("large", texts, LARGE_TIMES)):
        megabytes = _write_lines(some, home / name, times)
        workspace = home / f"{name}-workspace"
        config = write_config(home / "bench.toml", folder=home / name, workspace=workspace)
        words = ("--config", str(config), "--resources.workers", "1")
        bench.stage("ingest", workspace, *words)
        peaks.append(bench.stage("clean", workspace, *words)[1])
        bench.say(f"clean of one file of {megabytes:.0f} MB: at most {peaks[-1]:.0f} MB")
        shutil.rmtree(workspace)
        shutil.rmtree(home / name)
    return peaks[1] / peaks[0]


def _ingest(bench: Workbench, home: Path, folder: Path) -> float:
    """CPU seconds, the median of a few rounds."""
    warm = home / "warm"
    few = write_config(home / "warm.toml", folder=home / "few", workspace=warm)
    config = write_config(home / "bench.toml", folder=folder, workspace=home / "ingest")
    seconds = []
    for _ in range(ROUNDS):
        seconds.append(_child(bench, "ingest", str(few), str(config))["seconds"])
        shutil.rmtree(warm)
        shutil.rmtree(home / "ingest")
    return median(seconds)


def _child(bench: Workbench, *words: str) -> Any:
    return bench.module("large_files_child", *words, extra=ONE_THREAD)


def _write_lines(texts: list[str], folder: Path, times: int) -> float:
    """One JSON Lines file of the texts, several times over; its megabytes of text."""
    folder.mkdir(parents=True)
    num_bytes = 0
    with (folder / "one.jsonl").open("w", encoding="utf-8") as file:
        for number in range(times):
            for at, text in enumerate(texts):
                own = f"{number} {text}" if times > 1 else text
                num_bytes += len(own.encode())
                file.write(json.dumps({"id": f"{number}-{at}", "text": own}, ensure_ascii=False) + "\n")
    return num_bytes / 1e6


def _write_table(texts: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = [str(number) for number in range(len(texts))]
    pq.write_table(pa.table({"id": names, "text": texts}), folder / "one.parquet", compression="zstd")
