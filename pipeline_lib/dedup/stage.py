"""dedup: of texts that are the same, or nearly, the first one seen stays.

    documents.parquet -> sketch -> sketch.parquet                       (each shard alone, in parallel)
    all shards of a batch + earlier indexes -> decide -> part-*/..., index.parquet   (once a batch)

Exact duplicates have equal normalized texts (xxh3_128). Near-duplicates are found by MinHash LSH or SimHash, every
candidate pair is verified by the exact Jaccard of the shingle sets, and groups are connected components of verified
pairs. What an earlier batch kept is never dropped by a later one: a new document that is like an older one goes.
Sketching runs at about 100 MB/s of one core (its kernels at 140 in English and 170 in Chinese, the rest is Parquet),
with one shard in memory; deciding at about 50, most of it Parquet, with the keys of the batch, the shingle sets of the
candidates (8 bytes a shingle) and one shard in memory.

Sources: Broder 1997 (MinHash), Charikar 2002 and Manku et al. 2007 (SimHash), datasketch 2.0 (its "affine32"
permutations, which signatures equal bit by bit).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.artifact import Outcome

STAGE = "dedup"
VERSION = 1

SKETCH_FILE = "sketch.parquet"
INDEX_FILE = "index.parquet"


@dataclass(frozen=True)
class Earlier:
    """A batch that was decided before. `open` verifies a file of its artifact and gives its path.

    Only the index is always read; which texts are compared again, only the decision knows.
    `withdrawn` are ids of documents that it held and that have left since: they stand against nobody. The same text
    may be back under the same id in a later batch, where it counts.
    """

    open: Callable[[str], Path]
    withdrawn: frozenset[str]


def warm_up(settings: DedupSettings) -> None:
    """Load what `sketch` and `decide` need, by deciding two short texts that are nearly the same."""
    import tempfile

    import pyarrow as pa

    from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA
    from pipeline_lib.store.tables import write_parquet

    words = " ".join(map(str, range(40)))
    rows = [{**dict.fromkeys(DOCUMENTS_SCHEMA.names, ""), "text": text} for text in (words, f"{words} more")]
    with tempfile.TemporaryDirectory() as temporary:
        documents = Path(temporary) / DOCUMENTS_FILE
        write_parquet(pa.Table.from_pylist(rows, DOCUMENTS_SCHEMA), documents)
        sketch(settings, documents, Path(temporary))
        decide(settings, [(documents, Path(temporary) / SKETCH_FILE)], [], Path(temporary))


def sketch(settings: DedupSettings, documents: Path, folder: Path) -> Outcome:
    """Write `sketch.parquet`: one row for each document of this shard, in its order."""
    from pipeline_lib.dedup.sketch import sketch_documents
    from pipeline_lib.store.schemas import read_documents
    from pipeline_lib.store.tables import write_parquet

    table = sketch_documents(settings, read_documents(documents))
    write_parquet(table, folder / SKETCH_FILE)
    return Outcome(rows_in=len(table), rows_out=len(table), file_rows={SKETCH_FILE: len(table)})


def decide(
    settings: DedupSettings,
    shards: Sequence[tuple[Path, Path]],
    earlier: Sequence[Earlier],
    folder: Path,
) -> Outcome:
    """Decide a batch: its documents in the order of `shards`, against what the `earlier` batches kept.

    `shards` are (documents, sketch) files, `earlier` runs from the oldest batch. Each shard gets a
    `part-{number:05d}`, even one that keeps nothing.
    """
    from pipeline_lib.dedup.decide import decide_batch
    from pipeline_lib.dedup.parts import write_parts

    decision = decide_batch(settings, shards, earlier)
    return write_parts(settings, shards, decision, folder)
