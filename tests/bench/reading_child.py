"""`python -m tests.bench.reading_child write|contiguous|best_fit FOLDER`: see reading.py."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from pipeline_lib.model.reading.documents import Shard, open_documents
from pipeline_lib.model.reading.index import ReadingIndex, Specials, build_index
from pipeline_lib.model.reading.snapshot import Packing
from pipeline_lib.store.tokens import TokensWriter

NUM_SHARDS, SHARD_DOCUMENTS, BATCH_DOCUMENTS = 20, 50_000, 5_000
VOCAB_SIZE = 16_384
CONTEXT, ROWS, NUM_BATCHES = 2048, 16, 200


def main() -> None:
    """Print one JSON value as the last line."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(_write(folder) if what == "write" else _measure(what, folder)))  # type: ignore[arg-type]


def _write(folder: Path) -> dict[str, int]:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    num_tokens = 0
    for shard in range(NUM_SHARDS):
        with TokensWriter(folder / f"{shard:02}.arrow", VOCAB_SIZE) as writer:
            for first in range(0, SHARD_DOCUMENTS, BATCH_DOCUMENTS):
                lengths = np.clip(generator.lognormal(5.6, 1.1, BATCH_DOCUMENTS), 20, 60_000).astype(int)
                names = [f"{shard:02}{first + row:030}" for row in range(BATCH_DOCUMENTS)]
                sides = generator.integers(0, 2**64, BATCH_DOCUMENTS, np.uint64).tolist()
                writer.write(names, sides, [generator.integers(2, VOCAB_SIZE, length) for length in lengths])
                num_tokens += int(lengths.sum())
    return {"num_tokens": num_tokens}


def _measure(packing: Packing, folder: Path) -> dict[str, float]:
    shards = [Shard(path, 0.05) for path in sorted(folder.iterdir())]
    process = psutil.Process()
    before = process.memory_info().rss
    started, cpu_started = time.perf_counter(), time.process_time()
    documents = open_documents(shards)
    everything = documents.of_shards(range(len(shards)))
    index = build_index(documents, everything, context=CONTEXT, packing=packing, seed=1, epoch=0)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "mb": (most_memory() - before) / 1e6,
        "batch_ms": _batch_ms(index),
    }


def most_memory() -> int:
    """Bytes that this process has held at most, by Linux. (`getrusage` would count the process it was started from.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def _batch_ms(index: ReadingIndex) -> float:
    index.batch(0, ROWS, Specials(0, 1))
    started = time.perf_counter()
    for number in range(1, NUM_BATCHES + 1):
        index.batch(number * ROWS, ROWS, Specials(0, 1))
    return 1000 * (time.perf_counter() - started) / NUM_BATCHES


if __name__ == "__main__":
    main()
