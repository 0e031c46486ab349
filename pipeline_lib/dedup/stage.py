"""dedup: of texts that are the same, or nearly, the first one seen stays.

    sketch   text (a clean.text shard, all of its rows)               -> sketch.parquet
    decide   texts, sketches, judged (lists: the shards of a batch)   -> part-00000/ledger.parquet, ...,
             withdrawn (optional: the ingested batch, for its            index.parquet, withdrawn.parquet
             tombstones); members: the segments before it
    index    members: segments                                        -> index.parquet, withdrawn.parquet

Members stand oldest first.

A sketch is asked of every document, good or not: then another limit of quality sketches nothing again. Only documents
that were judged good enough are decided. Exact duplicates have equal normalized texts (xxh3_128). Near-duplicates are
found by MinHash LSH or SimHash, every candidate pair is verified by the exact Jaccard of the shingle sets, and groups
are connected components of verified pairs. What an earlier batch kept is never dropped by a later one: a new document
that is like an older one goes. The past is one index (index.py), asked once; a text of it is opened where it lies, in
the clean.text shard that the index names (compared.py).

Sketching holds one piece of a shard; deciding about 160 bytes a document and the shingle sets of the candidates (8
bytes a shingle).

Sources: Broder 1997 (MinHash), Charikar 2002 and Manku et al. 2007 (SimHash), datasketch 2.0 (its "affine32"
permutations, which signatures equal bit by bit).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome, Ref

if TYPE_CHECKING:
    from pipeline_lib.dedup.index import Segment

TEXT_STAGE = "clean"  # whose shards an index names


def warm_up(settings: DedupSettings) -> None:
    """Load and compile what the makers need, by deciding two short texts that are nearly the same."""
    from pipeline_lib.dedup.warm import decide_two

    decide_two(settings)


def make_sketch(settings: DedupSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Write a row for each document of this shard, in its order."""
    from pipeline_lib.dedup.schemas import SKETCH_FILE
    from pipeline_lib.dedup.sketch import write_sketches
    from pipeline_lib.store.schemas import DOCUMENTS_FILE

    num_rows = write_sketches(settings, inputs.file("text", DOCUMENTS_FILE), folder / SKETCH_FILE)
    return Outcome(rows_in=num_rows, rows_out=num_rows, file_rows={SKETCH_FILE: num_rows})


def make_decide(settings: DedupSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Decide a batch: its documents in the order of its shards, against what stands before it.

    Each shard gets a part, even one that keeps nothing.
    """
    from pipeline_lib.dedup.decide import decide
    from pipeline_lib.dedup.entries import Shard, read_batch
    from pipeline_lib.dedup.index import read_earlier, read_ids
    from pipeline_lib.dedup.parts import write_parts
    from pipeline_lib.dedup.schemas import SKETCH_FILE, TOMBSTONES_FILE
    from pipeline_lib.store.schemas import LEDGER_FILE

    names = [ref.fingerprint for ref in inputs.members("texts")]
    files = zip(names, inputs.files("sketches", SKETCH_FILE), inputs.files("judged", LEDGER_FILE), strict=True)
    batch = read_batch(settings, [Shard(*shard) for shard in files])
    withdrawn = set(read_ids(inputs.file("withdrawn", TOMBSTONES_FILE))) if inputs.has("withdrawn") else set()
    earlier = read_earlier(settings, _segments(inputs), withdrawn, batch)
    decision = decide(settings, earlier, batch, lambda name: _open_text(inputs, name, is_own=name in names))
    return write_parts(settings, decision, withdrawn, folder)


def make_index(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """Merge segments into one. `is_oldest` among the parameters: no segment stands before it."""
    from pipeline_lib.dedup.index import merge

    return merge(_segments(inputs), folder, is_oldest=inputs.params["is_oldest"])


def _segments(inputs: Inputs) -> "list[Segment]":
    from pipeline_lib.dedup.index import Segment
    from pipeline_lib.dedup.schemas import INDEX_FILE, WITHDRAWN_FILE

    return [Segment(_opened(inputs, ref, INDEX_FILE), _opened(inputs, ref, WITHDRAWN_FILE)) for ref in inputs.listed]


def _open_text(inputs: Inputs, fingerprint: str, *, is_own: bool) -> Path | None:
    """The texts of a clean.text shard; None where they were released. Those of the batch itself must be there."""
    from pipeline_lib.store.schemas import DOCUMENTS_FILE

    if not is_own and not inputs.store.path(TEXT_STAGE, fingerprint).is_dir():
        return None
    return _opened(inputs, Ref(TEXT_STAGE, fingerprint), DOCUMENTS_FILE)


def _opened(inputs: Inputs, ref: Ref, file: str) -> Path:
    return inputs.store.open(ref.stage, ref.fingerprint, files=[file]).file(file)


SKETCH = Maker(
    "dedup.sketch",
    1,
    "sketch.v1",
    make_sketch,
    reads=("method", "shingle_tokens", "bands", "rows", "seed", "chinese_scripts"),
)
DECIDE = Maker(
    "dedup.decide",
    1,
    "decisions.v1",
    make_decide,
    reads=("method", "jaccard_at_least", "shingle_tokens", "bands", "max_hamming_bits", "chinese_scripts"),
)
INDEX = Maker("dedup.index", 1, "index.v1", make_index)
MAKERS = (SKETCH, DECIDE, INDEX)
