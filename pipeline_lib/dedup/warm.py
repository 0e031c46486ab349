"""What a worker does before its first document: two short texts are sketched, written, read and decided.

Arrays come out of Parquet as in a night, since kernels are compiled for arrays as they are given.
"""

import tempfile
from pathlib import Path

import pyarrow as pa

from pipeline_lib.dedup.decide import decide
from pipeline_lib.dedup.entries import Shard, read_batch
from pipeline_lib.dedup.index import Segment, read_earlier
from pipeline_lib.dedup.parts import write_parts
from pipeline_lib.dedup.schemas import INDEX_FILE, SKETCH_FILE, WITHDRAWN_FILE
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.sketch import write_sketches
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
from pipeline_lib.store.tables import write_parquet


def decide_two(settings: DedupSettings) -> None:
    """Decide two texts that are nearly the same, twice: the second time against what the first has kept."""
    words = " ".join(map(str, range(40)))
    table = pa.table({"document_id": ["a", "b"], "text": pa.array([words, f"{words} more"], pa.large_string())})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_parquet(table, folder / DOCUMENTS_FILE)
        write_parquet(pa.table({"document_id": ["a", "b"], "is_kept": [True, True]}), folder / LEDGER_FILE)
        write_sketches(settings, folder / DOCUMENTS_FILE, folder / SKETCH_FILE)
        batch = read_batch(settings, [Shard("", folder / SKETCH_FILE, folder / LEDGER_FILE)])
        segments: list[Segment] = []
        for name in ("first", "second"):
            decided = folder / name
            decided.mkdir()
            earlier = read_earlier(settings, segments, (), batch)
            decision = decide(settings, earlier, batch, lambda _: folder / DOCUMENTS_FILE)
            write_parts(settings, decision, (), decided)
            segments.append(Segment(decided / INDEX_FILE, decided / WITHDRAWN_FILE))
