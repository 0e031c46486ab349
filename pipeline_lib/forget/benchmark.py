"""A benchmark without some of its documents: what it says of itself follows."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.evaluate.stage import BENCHMARK_FILE
from pipeline_lib.forget.columns import ID, Taking
from pipeline_lib.model.measured import UNKNOWN
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.rewriting import Writer
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.tables import read_table

REASON = "withdrawn"  # why they count as not taken


@dataclass(frozen=True)
class Less:
    """What leaves a benchmark."""

    num_bytes: int
    sources: Counter[str]
    languages: Counter[str]

    @property
    def num_documents(self) -> int:
        """How many documents that are."""
        return self.sources.total()

    def of(self, manifest: Manifest) -> Manifest:
        """Its manifest without them."""
        dropped = Counter(manifest.dropped) + Counter({REASON: self.num_documents})
        left = manifest.rows_out - self.num_documents
        facts = {**manifest.facts, **self.of_record(manifest.facts)}
        return replace(manifest, rows_out=left, dropped=dict(sorted(dropped.items())), facts=facts)

    def of_record(self, record: Any) -> dict[str, Any]:
        """What benchmark.json says without them."""
        return {
            **record,
            "num_documents": record["num_documents"] - self.num_documents,
            "num_bytes": record["num_bytes"] - self.num_bytes,
            "sources": _less(record["sources"], self.sources),
            "languages": _less(record["languages"], self.languages),
        }


def less_of(folder: Path, taking: Taking) -> Less:
    """What these documents are in the benchmark of this folder."""
    table = read_table(folder / DOCUMENTS_FILE, [ID, "source", "language", "text"])
    own = table.filter(pc.is_in(table[ID], pa.array(sorted(taking.ids), pa.string())))
    languages = Counter(language or UNKNOWN for language in own["language"].to_pylist())
    size = pc.sum(pc.binary_length(own["text"])).as_py() or 0
    return Less(int(size), Counter(own["source"].to_pylist()), languages)


def record_without(less: Less) -> dict[str, Writer]:
    """How its record is written again."""

    def write(source: Path, target: Path) -> None:
        write_json(target, less.of_record(read_json(source)))

    return {BENCHMARK_FILE: write}


def _less(counts: dict[str, int], gone: Counter[str]) -> dict[str, int]:
    left = {name: count - gone[name] for name, count in counts.items()}
    return {name: count for name, count in left.items() if count}
