"""What dedup remembers of each document of a shard: an id of its text, and keys or a SimHash of its shingles.

A MinHash signature is not kept: its keys are a sixth of it, and all that is ever asked.
"""

from pathlib import Path

import pyarrow as pa

from pipeline_lib.dedup import texts
from pipeline_lib.dedup.candidates import band_keys, to_lists
from pipeline_lib.dedup.schemas import SKETCH_SCHEMA
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.tables import TableWriter, iterate


def write_sketches(settings: DedupSettings, documents: Path, sketches: Path) -> int:
    """Write a sketch.v1 file with a row for each row of `documents`, piece by piece; the number of rows."""
    with TableWriter(sketches, SKETCH_SCHEMA) as writer:
        for piece in iterate(documents, ["document_id", "text"]):
            writer.write(sketch_documents(settings, piece))
    return writer.num_rows


def sketch_documents(settings: DedupSettings, documents: pa.Table) -> pa.Table:
    """A sketch.v1 table with one row for each row of a table of document ids and texts."""
    normalized = texts.normalize(documents["text"], settings.chinese_scripts)
    columns = [
        documents["document_id"],
        pa.array(texts.content_ids(normalized), SKETCH_SCHEMA.field("content_id").type),
        pa.array(texts.has_tokens(normalized)),
        _keys(settings, normalized),
        _simhashes(settings, normalized),
    ]
    return pa.table(columns, schema=SKETCH_SCHEMA)


def _keys(settings: DedupSettings, normalized: texts.Texts) -> pa.Array:
    if settings.method != "minhash":
        return pa.nulls(len(normalized), SKETCH_SCHEMA.field("keys").type)
    num_permutations = settings.bands * settings.rows
    values = texts.minhash_signatures(normalized, settings.shingle_tokens, num_permutations, settings.seed)
    return to_lists(band_keys(values, settings.bands))


def _simhashes(settings: DedupSettings, normalized: texts.Texts) -> pa.Array:
    if settings.method != "simhash":
        return pa.nulls(len(normalized), pa.uint64())
    return pa.array(texts.simhashes(normalized, settings.shingle_tokens))
