"""Fifty nights in which 1 % of the documents is edited, with gc once a week: what the workspace weighs at the end.

    gc_live_ratio       bytes of artifacts, what waits to go included, over those of a new workspace that takes in the
                        last documents in one night: what there would be without a past
    gc_without_ratio    the same if nothing had ever gone

8,000 generated documents of some 3 kB in 16 files; the edited ones are spread over all of them, and get a sentence
more. Data halves in this process; a day passes between two nights for gc, which is told the time
(tests/edited_nights.py). What is left above 1 is the earlier versions of edited documents, which stay in their shards
until a compaction, and some 60 kB for each batch.
"""

from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.workbench import Workbench
from tests.edited_nights import edited_nights

FIGURES = (
    Figure("gc_live_ratio", "ratio", "lower", "artifacts after 50 nights of 1 % edits and gc, over a new workspace", 2),
    Figure("gc_without_ratio", "ratio", "lower", "the same without gc"),
)
NIGHTS, DOCUMENTS = 50, 8000


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    bench.say(f"{NIGHTS} nights on {DOCUMENTS} documents")
    weighed = edited_nights(bench.root / "garbage", nights=NIGHTS, documents=DOCUMENTS, edited=0.01)
    sizes = {name: size / 1e6 for name, size in vars(weighed).items()}
    bench.say(", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()))
    yield "gc_live_ratio", weighed.live_ratio
    yield "gc_without_ratio", weighed.without_gc
