"""What stands of each source behind all that was withdrawn: held-out documents; bytes and tokens by language.

It is a fact of tables of token shards: {"docs": {"num_held_out": 7, "num_bytes_en": 91000, "num_tokens_en": 20000}}.
The table of a batch says what comes with it, less what it withdraws of the batches before it, so that numbers may be
below zero; a table of several batches has their sums. So a night knows what stands now from a few tables, however many
nights there were. Tables of earlier releases do not say it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.store.local import Store
from pipeline_lib.tokenize.fit import BYTES_OF, TOKENS_OF, UNKNOWN

LIVE: Final = "live"
HELD_OUT: Final = "num_held_out"

_SPOKEN: Final = ["document_id", "language"]
_SIZES: Final = ["document_id", "is_kept", "num_tokens", "num_bytes"]

Sums = Mapping[str, Mapping[str, int]]  # by source


def brought(facts: Mapping[str, Any], num_held_out: int) -> Counter[str]:
    """What comes with a token shard; `facts` are those of tokenize.encode."""
    spoken = {name: count for name, count in facts.items() if name.startswith((BYTES_OF, TOKENS_OF))}
    return Counter({**spoken, HELD_OUT: num_held_out})


def taken(store: Store, tokens: str, text: str, documents: Collection[str], num_held_out: int) -> Counter[str]:
    """What leaves a token shard with these documents. Text that is gone does not say their languages any more."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
    from pipeline_lib.store.tables import read_table

    counts = Counter({HELD_OUT: num_held_out})
    try:
        known = read_table(store.open("scrub", text, files=[DOCUMENTS_FILE]).file(DOCUMENTS_FILE), _SPOKEN)
    except DamagedArtifact:
        return counts
    ledger = read_table(store.open("tokenize", tokens, files=[LEDGER_FILE]).file(LEDGER_FILE), _SIZES)
    asked = pa.array(sorted(documents), pa.string())
    spoken = known.filter(pc.is_in(known["document_id"], asked))
    languages = dict(zip(*(spoken[name].to_pylist() for name in _SPOKEN), strict=True))
    for row in ledger.filter(pc.and_(ledger["is_kept"], pc.is_in(ledger["document_id"], asked))).to_pylist():
        language = languages.get(row["document_id"]) or UNKNOWN
        counts[f"{BYTES_OF}{language}"] += row["num_bytes"]
        counts[f"{TOKENS_OF}{language}"] += row["num_tokens"]
    return counts


def summed(tables: Iterable[Mapping[str, Any]]) -> Sums | None:
    """The sums over the facts of several tables; None where one does not say it."""
    total: dict[str, Counter[str]] = {}
    for facts in tables:
        if LIVE not in facts:
            return None
        for source, counts in facts[LIVE].items():
            total.setdefault(source, Counter()).update(counts)
    return total


def as_fact(sums: Sums) -> dict[str, dict[str, int]]:
    """What a manifest says of them: no zeros, in order."""
    return {
        source: {name: count for name, count in sorted(counts.items()) if count}
        for source, counts in sorted(sums.items())
    }
