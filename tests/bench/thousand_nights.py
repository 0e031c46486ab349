"""What a thousand nights leave behind: `plan`, a night with nothing new and one of 13 documents after them.

The nights are those of `tests/years.py`: one source, each night ten new documents, three changed and one deleted, on
the settings of the tests' tiny night. `night_of_13_documents_growth` is the CPU of the whole data half in a warm
process, the median of the nights behind batch 300 over that of those behind batch 3, in two workspaces by turns: what
the machine does besides then meets both. Most of the other nights are taken in one by one and then done four together,
which leaves the same. The other two are
wall time from the shell, medians of three, behind 1,000 batches, one real night with a model, and the manifests, runs
and promotions that 999 more would leave. Prefect's and MLflow's own databases are those of that one night.

    python -m tests.bench.thousand_nights FOLDER 1000     goes on until there are so many
    python -m tests.bench.thousand_nights FOLDER night    goes on, and prints the CPU seconds of some nights
    python -m tests.bench.thousand_nights FOLDER models   what their model half would leave, behind a night with a model
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure
from tests.bench.workbench import NIGHTSHIFT, Workbench
from tests.tiny_night import KEY
from tests.years import years_of

FIGURES = (
    Figure(
        "night_of_13_documents_growth",
        "ratio",
        "lower",
        "CPU of 13 documents at batch 300 over that at batch 3",
        1.3,
    ),
    Figure("plan_seconds_1000_nights", "s", "lower", "`nightshift plan`, nothing new, after 1,000 nights", 2),
    Figure("nothing_new_1000_nights_seconds", "s", "lower", "a night with nothing new, after 1,000 nights", 10),
)
NUM_NIGHTS = 1000
EARLY, LATE = 3, 300  # batches
TURNS, MEASURED = 4, 4  # of four nights one merges what is carried
REPEATS = 3
TRAINED = ("--train.max_steps", "2")
NOTHING_TRAINED = ("--train.budget_minutes", "0")


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    root, workspace = bench.root / "years", bench.root / "years" / "workspace"
    early, late = _nights(bench, {EARLY: bench.root / "early", LATE: root})
    bench.say(f"CPU of a night of 13 documents: {early:.3f} s at batch {EARLY}, {late:.3f} s at batch {LATE}")
    yield "night_of_13_documents_growth", late / early
    bench.say(f"{NUM_NIGHTS} nights")
    bench.module("thousand_nights", str(root), str(NUM_NIGHTS))
    _nightshift(bench, root, "run", *TRAINED)
    bench.module("thousand_nights", str(root), "models")
    yield "plan_seconds_1000_nights", median(_nightshift(bench, root, "plan") for _ in range(REPEATS))
    files = _files(workspace)
    yield "nothing_new_1000_nights_seconds", median(_nightshift(bench, root, "run") for _ in range(REPEATS))
    bench.say(f"{REPEATS} nights with nothing new left {_files(workspace) - files} more files")


def _nights(bench: Workbench, places: Mapping[int, Path]) -> list[float]:
    """CPU seconds of a night behind so many batches: the median of TURNS processes with MEASURED nights each."""
    for batch, place in places.items():
        bench.module("thousand_nights", str(place), str(batch - 2))  # a night more warms each process
    os.sync()  # the days between nights write what is still to be written
    seconds: dict[int, list[float]] = {batch: [] for batch in places}
    for _ in range(TURNS):
        for batch, place in places.items():
            seconds[batch] += bench.module("thousand_nights", str(place), "night")
    return [median(found) for found in seconds.values()]


def _nightshift(bench: Workbench, root: Path, command: str, *more: str) -> float:
    argv = [NIGHTSHIFT, command, *years_of(root).arguments, *(more or NOTHING_TRAINED)]
    return bench.command(argv, {"NIGHTSHIFT_SCRUB_KEY": KEY})


def _files(workspace: Path) -> int:
    return sum(path.is_file() for part in ("artifacts", "state") for path in (workspace / part).rglob("*"))


def main(folder: str, what: str) -> None:
    """Do what the command line says; the result is the last line."""
    years = years_of(Path(folder))
    if what == "night":
        years.night()
        print(json.dumps([years.night() for _ in range(MEASURED)]))
        return
    if what == "models":
        years.leave_models(NUM_NIGHTS - 1)
    else:
        years.live(until=int(what))
    print(json.dumps(years.num_nights))


if __name__ == "__main__":
    main(*sys.argv[1:])
