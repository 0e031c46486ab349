"""What dedup remembers of each document of a shard: an id of its text and a sketch of its shingles."""

import pyarrow as pa

from pipeline_lib.dedup import texts
from pipeline_lib.dedup.candidates import to_lists
from pipeline_lib.dedup.schemas import SKETCH_SCHEMA
from pipeline_lib.dedup.settings import DedupSettings


def sketch_documents(settings: DedupSettings, documents: pa.Table) -> pa.Table:
    """A sketch.v1 table with one row for each row of a documents.v1 table."""
    normalized = texts.normalize(documents["text"])
    columns = [
        documents["document_id"],
        pa.array(texts.content_ids(normalized), pa.string()),
        pa.array(texts.has_tokens(normalized)),
        _signatures(settings, normalized),
        _simhashes(settings, normalized),
    ]
    return pa.table(columns, schema=SKETCH_SCHEMA)


def _signatures(settings: DedupSettings, normalized: texts.Texts) -> pa.Array:
    if settings.method != "minhash":
        return pa.nulls(len(normalized), SKETCH_SCHEMA.field("signature").type)
    num_permutations = settings.bands * settings.rows
    values = texts.minhash_signatures(normalized, settings.shingle_tokens, num_permutations, settings.seed)
    return to_lists(values)


def _simhashes(settings: DedupSettings, normalized: texts.Texts) -> pa.Array:
    if settings.method != "simhash":
        return pa.nulls(len(normalized), pa.uint64())
    return pa.array(texts.simhashes(normalized, settings.shingle_tokens))
