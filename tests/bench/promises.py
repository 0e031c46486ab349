"""What is promised, counted: how often the gate errs, whether a moved workspace works, what a bad disk costs.

The same code as in tests/unit/register/test_error_rates.py, test_moved.py and tests/soak; a seed that breaks a law is
printed with the command that replays it.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.bench.figures import Figure
from tests.bench.workbench import BenchFailed, Workbench
from tests.tiny_night import KEY

POWER_NOISES, POWER_DRAWS = ((0.01, 0.0), (0.05, 0.0), (0.02, 0.005)), 100
SEEDS, AT_ONCE = 10_000, 1_000
KILLS, KILLS_OF_A_SEED = 200, 20
DAMAGED = 1_000
MOVED = ("tests/e2e/test_moved.py", "tests/integration/test_moved.py")


@dataclass(frozen=True)
class Promise:
    """A group of one figure: each of them is long enough by itself."""

    figure: Figure
    count: Callable[[Workbench], float]

    @property
    def FIGURES(self) -> Sequence[Figure]:
        """See `Group`."""
        return (self.figure,)

    def measure(self, bench: Workbench) -> Iterator[tuple[str, float]]:
        """See `Group`."""
        with patch.dict(os.environ, {"NIGHTSHIFT_SCRUB_KEY": KEY}):
            yield self.figure.name, self.count(bench)


def _false_promotions(bench: Workbench) -> float:
    from tests.gate_draws import NOISES, false_promotion_rate

    bench.say("models as good as the champion")
    return max(false_promotion_rate(*noise) for noise in NOISES)


def _power(bench: Workbench) -> float:
    from tests.gate_draws import power

    bench.say("models that are better")
    return min(power(*noise, draws=POWER_DRAWS) for noise in POWER_NOISES)


def _moved(bench: Workbench) -> float:
    bench.say("moved and copied workspaces")
    try:
        bench.output([sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *MOVED])
    except BenchFailed as exc:
        bench.say(str(exc))
        return 0.0
    return 1.0


def _broken_disks(bench: Workbench) -> int:
    from tests.simulated_nights import broken_by

    broken = {}
    logging.disable(logging.WARNING)  # what is left out of each workspace is told, thousands of times
    for first in range(0, SEEDS, AT_ONCE):
        bench.say(f"seeds of a simulated disk from {first:,} on")
        broken |= broken_by(range(first, first + AT_ONCE))
    logging.disable(logging.NOTSET)
    for seed, what in broken.items():
        bench.say(f"python -m tests.simulated_nights {seed}: {what}")
    return len(broken)


def _killed_nights(bench: Workbench) -> int:
    from tests.killed_nights import survive, undisturbed_in

    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        bench.say("a night that nobody disturbs")
        twin = undisturbed_in(Path(folder))
        for seed in range(KILLS // KILLS_OF_A_SEED):
            bench.say(f"nights that are killed, seed {seed}")
            try:
                survive(seed, twin, Path(folder) / f"seed-{seed}", kills=KILLS_OF_A_SEED)
            except AssertionError as exc:
                bench.say(f"seed {seed}: {exc}")
                lost += KILLS_OF_A_SEED
    return lost


def _damaged_files(bench: Workbench) -> int:
    from tests.corruptions import base_in, broken_in_parts

    count = 0
    with tempfile.TemporaryDirectory() as folder:
        bench.say("nights that nobody damages")
        for part, broken in broken_in_parts(range(DAMAGED), base_in(Path(folder))):
            bench.say(f"files that are damaged, seeds {part.start} to {part.stop - 1}: {len(broken)} get through")
            for seed, what in broken.items():
                bench.say(f"python -m tests.corruptions {seed}: {what}")
            count += len(broken)
    return count


PROMISES = (
    Promise(
        Figure("gate_false_promotion_rate", "share", "lower", "equal models that pass the gate, the worst noise", 0.05),
        _false_promotions,
    ),
    Promise(
        Figure("gate_power", "share", "higher", "gains of twice the smallest that is told that pass", 0.9),
        _power,
    ),
    Promise(
        Figure("moved_workspace_works", "yes", "higher", "moved and copied workspaces go on, 1 for yes", 1),
        _moved,
    ),
    Promise(
        Figure("soak_storage_seeds", "seeds", "higher", "10,000 on a simulated disk, that break no law", 10_000),
        lambda bench: SEEDS - _broken_disks(bench),
    ),
    Promise(
        Figure("soak_kills_survived", "kills", "higher", "200 of whole nights, each in the end the same bytes", KILLS),
        lambda bench: KILLS - _killed_nights(bench),
    ),
    Promise(
        Figure("soak_corruptions_caught", "files", "higher", "1,000 that are damaged, noticed or harmless", DAMAGED),
        lambda bench: DAMAGED - _damaged_files(bench),
    ),
)
