"""Whole nights, killed again and again: their whole process group, or one process of it, at whatever moment.

The same command goes on each time. A night that comes to its end has the bytes of one that nobody disturbed, and then
the next one begins from nothing.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.test_kill import CHECKPOINTS, Night, assert_nobody_is_left, digests, start, weights, whole_artifacts
from tests.tiny_night import House, run_night, write_corpus

# Python keeps a process that counts its semaphores. Killed, it is started again, and then does not know those that it
# is told to drop: what it prints of that is its own.
OF_PYTHONS_TRACKER = re.compile(
    r"Traceback \(most recent call last\):\n"
    r"  File \"[^\"]*/multiprocessing/resource_tracker\.py\", line \d+, in main\n    .*\nKeyError: '/mp-\w+'\n"
)


@dataclass(frozen=True)
class Undisturbed:
    """A night to its end."""

    house: House
    seconds: float  # that it took


def undisturbed_in(root: Path) -> Undisturbed:
    """Make it."""
    house, started = House(root / "workspace", write_corpus(root / "corpus")), time.monotonic()
    ended = run_night(house.workspace, house.corpus, **CHECKPOINTS)
    assert ended.status == 0, ended.err
    return Undisturbed(house, time.monotonic() - started)


def survive(seed: int, twin: Undisturbed, workspace: Path, *, kills: int) -> None:
    """Nights with so many kills among them, to the end of the last. Raises `AssertionError` when one differs."""
    seeded, house = random.Random(seed), House(workspace, twin.house.corpus)
    num_kills = num_ends = 0
    while num_kills < kills or num_ends == 0:
        night = start(house, **CHECKPOINTS)
        killed = _kill(night, seeded, within=twin.seconds) if num_kills < kills else ""
        num_kills += bool(killed)
        status, err = _end(night, killed)
        assert "Traceback" not in OF_PYTHONS_TRACKER.sub("", err), f"{killed} killed: {err}"
        assert_nobody_is_left(house.workspace)
        made = whole_artifacts(house.workspace)
        if status == 0:
            num_ends += 1
            wanted = whole_artifacts(twin.house.workspace)
            assert digests(made) == digests(wanted)
            assert weights(made) == weights(wanted)
            shutil.rmtree(house.workspace)


def _kill(night: Night, seeded: random.Random, *, within: float) -> str:
    """Kill all of a night, or one process of it, after some seconds; who it was; "" where it was over before that."""
    deadline = time.monotonic() + seeded.uniform(0.0, within)
    while time.monotonic() < deadline and night.process.poll() is None:
        time.sleep(0.01)
    if night.process.poll() is not None:
        return ""
    if seeded.random() < 0.5:
        os.killpg(night.process.pid, signal.SIGKILL)
        return "all of it"
    with suppress(psutil.Error):
        command = psutil.Process(night.process.pid)
        victim = seeded.choice([command, *sorted(command.children(recursive=True), key=lambda child: child.pid)])
        name = _name_of(victim)
        victim.kill()
        return name
    return "one that was over"


def _end(night: Night, killed: str) -> tuple[int, str]:
    """How a night ends. Raises `AssertionError`, with who is still there, where it does not."""
    try:
        return night.end()
    except subprocess.TimeoutExpired:
        left = [
            f"{_name_of(one)} ({one.status()})" for one in psutil.Process(night.process.pid).children(recursive=True)
        ]
        os.killpg(night.process.pid, signal.SIGKILL)
        raise AssertionError(f"{killed} killed, and the night does not end: {night.workspace.runs()}, {left}") from None


def _name_of(process: psutil.Process) -> str:
    """The words of its command that tell which it is."""
    return " ".join(process.cmdline()[1:6])[:120]
