"""Whole nights, killed 200 times: their whole process group, or one process of it, at whatever moment.

The same command goes on each time. A night that comes to its end has the bytes of one that nobody disturbed, and then
the next one begins from nothing.
"""

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import House
from tests.e2e.test_kill import CHECKPOINTS, Night, assert_nobody_is_left, digests, start, weights, whole_artifacts
from tests.tiny_night import KEY, run_night, write_corpus

pytestmark = pytest.mark.soak
NUM_KILLS, OF_ONE_SEED = 200, 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, float]:
    """A night to its end, and how many seconds it took."""
    root = tmp_path_factory.mktemp("undisturbed")
    house, started = House(root / "workspace", write_corpus(root / "corpus")), time.monotonic()
    ended = run_night(house.workspace, house.corpus, **CHECKPOINTS)
    assert ended.status == 0, ended.err
    return house, time.monotonic() - started


@pytest.mark.parametrize("seed", range(NUM_KILLS // OF_ONE_SEED))
def test_nights_that_are_killed_come_to_their_end(
    undisturbed: tuple[House, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    (twin, seconds), seeded = undisturbed, random.Random(seed)
    house = House(tmp_path / "workspace", twin.corpus)
    num_kills = num_ends = 0
    while num_kills < OF_ONE_SEED or num_ends == 0:
        night = start(house, **CHECKPOINTS)
        if num_kills < OF_ONE_SEED:
            num_kills += _kill(night, seeded, within=seconds)
        status, err = night.end()
        assert "Traceback" not in err, err
        assert_nobody_is_left(house.workspace)
        made = whole_artifacts(house.workspace)
        if status == 0:
            num_ends += 1
            assert digests(made) == digests(whole_artifacts(twin.workspace))
            assert weights(made) == weights(whole_artifacts(twin.workspace))
            shutil.rmtree(house.workspace)


def _kill(night: Night, seeded: random.Random, *, within: float) -> int:
    """Kill all of a night, or one process of it, after some seconds; 0 where it was over before that."""
    deadline = time.monotonic() + seeded.uniform(0.0, within)
    while time.monotonic() < deadline and night.process.poll() is None:
        time.sleep(0.01)
    if night.process.poll() is not None:
        return 0
    if seeded.random() < 0.5:
        os.killpg(night.process.pid, signal.SIGKILL)
        return 1
    with suppress(psutil.Error):
        command = psutil.Process(night.process.pid)
        seeded.choice([command, *sorted(command.children(recursive=True), key=lambda child: child.pid)]).kill()
    return 1
