"""A night of 13 documents after 300 nights like it, against one after 3: what dedup itself spends, in CPU time.

    python -m tests.bench.small_nights          prints {"night_of_13_documents_growth": ..., "milliseconds": [...]}

Each night sketches its documents, decides them against all before it, and hands itself on as a night does: eight
segments of one size become one of the next (by dedup.index). Artifacts are plain folders here: digests and manifests
are not counted. Medians of five nights each are compared, three times; the median of these ratios is given.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from pipeline_lib.dedup import stage
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.store.artifact import Ref
from tests.unit.dedup.conftest import Nights

DOCUMENTS, MERGED = 13, 8
EARLY, LATE = range(3, 8), range(300, 305)
YEARS = 3


def main() -> None:
    """Print the result as the last line."""
    stage.warm_up(DedupSettings())
    years = [_year() for _ in range(YEARS)]
    milliseconds = [[round(1000 * value, 1) for value in year] for year in years]
    growth = median(late / early for early, late in years)
    print(json.dumps({"night_of_13_documents_growth": round(growth, 3), "milliseconds": milliseconds}))


def _year() -> tuple[float, float]:
    """CPU seconds of a night early and late in a row of nights of its own."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Nights(Path(folder), DedupSettings()))
    return median(seconds[number] for number in EARLY), median(seconds[number] for number in LATE)


def measure(row: Nights) -> list[float]:
    """CPU seconds of each night."""
    levels: list[int] = []
    seconds = []
    for night in range(LATE.stop):
        documents = {
            f"{night}-{number}": f"document {number} of night {night} says nothing new" for number in range(DOCUMENTS)
        }
        started = time.process_time()
        row.decide(documents)
        levels.append(0)
        row.segments = merged(row, row.segments, levels)
        seconds.append(time.process_time() - started)
    return seconds


def merged(row: Nights, segments: Sequence[Ref], levels: list[int]) -> list[Ref]:
    """The segments with eight of one level made one of the next; `levels` are changed along."""
    kept = [*segments]
    while len(levels) >= MERGED and levels[-MERGED] == levels[-1]:
        kept = [*kept[:-MERGED], row.index(kept[-MERGED:], is_oldest=len(kept) == MERGED)]
        levels[-MERGED:] = [levels[-1] + 1]
    return kept


if __name__ == "__main__":
    main()
