"""What documents tell of themselves beside their text: how many have a title, a licence, a date, a time of fetching."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.report import counts as key
from pipeline_lib.report.counts import Counts
from pipeline_lib.store.tables import iterate

DATE = "date"  # in the metadata: when it was written
SYNTHETIC = "synthetic"  # in the metadata of what a model wrote
STRINGS = ("title", "licence")
COLUMNS = (*STRINGS, "fetched", "metadata")
YEAR = r"^(?P<year>[0-9]{4})"


def add_fields(documents: Path, source: str, counts: Counts) -> None:
    """Count what the documents of a file tell."""
    for part in iterate(documents, COLUMNS):
        for name in STRINGS:
            is_filled = pc.greater(pc.utf8_length(part[name]), 0)
            _add(counts, (key.FILLED, name, source), pc.sum(is_filled).as_py() or 0)
        fetched = part["fetched"].drop_null()
        _add(counts, (key.FILLED, "fetched", source), len(fetched))
        _add_all(counts, key.FETCHED, pc.strftime(fetched, format="%Y-%m").to_pylist(), source)
        metadata = part["metadata"].combine_chunks()
        dates = pc.map_lookup(metadata, pa.scalar(DATE), "first").drop_null()
        years = [found["year"] for found in pc.extract_regex(dates, YEAR).to_pylist() if found]
        _add(counts, (key.FILLED, DATE, source), len(years))
        _add_all(counts, key.WRITTEN, years, source)
        synthetic = pc.map_lookup(metadata, pa.scalar(SYNTHETIC), "first")
        _add(counts, (key.FILLED, SYNTHETIC, source), len(synthetic) - synthetic.null_count)


def _add(counts: Counts, name: tuple[str, ...], number: int) -> None:
    if number:
        counts[name] += number


def _add_all(counts: Counts, kind: str, names: Iterable[str], source: str) -> None:
    for name in names:
        counts[kind, name, source] += 1
