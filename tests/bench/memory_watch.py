"""Run a command and watch the memory of all its processes: the most they held together (RSS), every 50 ms.

Pages that processes share (libraries) count in each of them, so this is the upper bound of what a machine must have.
A peak shorter than 50 ms may be missed.
"""

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Watched:
    """How a watched command went."""

    status: int
    output: str
    peak_mb: float


def watched(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Watched:
    """Run `argv` to its end."""
    peak = 0
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(argv, cwd=cwd, env=dict(env), stdout=output, stderr=subprocess.STDOUT)
        while child.poll() is None:
            peak = max(peak, _held_by(child.pid))
            time.sleep(SAMPLE_SECONDS)
        output.seek(0)
        return Watched(child.returncode, output.read(), peak / 1e6)


def _held_by(process_id: int) -> int:
    """Bytes that a process and all below it hold now."""
    try:
        parent = psutil.Process(process_id)
        return sum(map(_rss, [parent, *parent.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
