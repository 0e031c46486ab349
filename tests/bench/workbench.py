"""Where the benches work: a temporary folder, the real commands in clean workspaces, progress for whoever waits."""

import json
import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from pipeline_lib.run.execute import code_revision
from tests.bench.figures import ROOT
from tests.bench.memory_watch import watched

NIGHTSHIFT = str(Path(sys.executable).with_name("nightshift"))
DATA_STAGES = ("ingest", "clean", "dedup", "scrub", "tokenize")
LIBRARIES = ("prefect", "mlflow", "torch", "transformers", "tokenizers", "onnxruntime", "pyarrow", "numpy", "numba")
LAST_LINES = 15


class BenchFailed(Exception):
    """A command did not do what is to be measured."""


class BenchSkipped(Exception):
    """What a measurement needs is not on this machine, and need not be."""


@dataclass(frozen=True)
class DataHalf:
    """A demo workspace whose data half is done, and the most memory (MB) each of its stages took."""

    workspace: Path
    peaks_mb: Mapping[str, float]


@dataclass
class Workbench:
    """One call of `python -m tests.bench`."""

    root: Path
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """One line of progress."""
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    @cached_property
    def environment(self) -> dict[str, str]:
        """A user's environment: no settings of ours or of Prefect, and a key, since some workspaces are no demo."""
        ours = ("NIGHTSHIFT_", "PREFECT_", "MLFLOW_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, "NIGHTSHIFT_SCRUB_KEY": secrets.token_hex(32)}

    @cached_property
    def machine(self) -> dict[str, Any]:
        """What the figures were measured on; `load` is what it did besides, before the first of them."""
        return {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9),
            "load": round(os.getloadavg()[0], 1),
        }

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of the code and of the libraries that decide how long things take."""
        ours = {"nightshift": code_revision(), "python": platform.python_version()}
        return {**ours, **{name: metadata.version(name) for name in LIBRARIES}}

    @cached_property
    def data_half(self) -> DataHalf:
        """The demo's data half, stage by stage."""
        workspace = self.root / "data-half"
        peaks = {stage: self.stage(stage, workspace)[1] for stage in DATA_STAGES}
        return DataHalf(workspace, peaks)

    def nightshift(self, *arguments: str, workspace: Path, extra: Mapping[str, str] | None = None) -> float:
        """Run a command as from a shell; its seconds from start to end. Raises `BenchFailed` when it fails."""
        return self.command([NIGHTSHIFT, *arguments, "--workspace", str(workspace)], extra)

    def configured(self, command: str, config: Path, *arguments: str) -> float:
        """The same in the workspace that a configuration file names."""
        return self.command([NIGHTSHIFT, command, "--config", str(config), *arguments])

    def command(self, argv: Sequence[str], extra: Mapping[str, str] | None = None) -> float:
        """Run any command; its seconds."""
        started = time.perf_counter()
        self.output(argv, extra)
        return time.perf_counter() - started

    def output(self, argv: Sequence[str], extra: Mapping[str, str] | None = None, *, cwd: Path = ROOT) -> str:
        """Run any command; what it printed."""
        environment = {**self.environment, **(extra or {})}
        done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchFailed(_failure(argv, done.returncode, done.stdout + done.stderr))
        return done.stdout

    def module(self, name: str, *arguments: str, extra: Mapping[str, str] | None = None) -> Any:
        """Run a module of this folder; the JSON value in the last line it prints."""
        argv = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
        return json.loads(self.output(argv, extra).splitlines()[-1])

    @contextmanager
    def key(self) -> Iterator[None]:
        """The key of the workspaces, for a plan that is made in this process."""
        with patch.dict(os.environ, self.environment, clear=True):
            yield

    def stage(self, stage: str, workspace: Path, *arguments: str) -> tuple[float, float]:
        """Run one stage by itself; (seconds, most memory of all its processes together in MB)."""
        argv = [NIGHTSHIFT, stage, "--workspace", str(workspace), *arguments]
        started = time.perf_counter()
        done = watched(argv, cwd=ROOT, env=self.environment)
        if done.status != 0:
            raise BenchFailed(_failure(argv, done.status, done.output))
        seconds = time.perf_counter() - started
        self.say(f"{stage} alone: {seconds:.1f} s, at most {done.peak_mb:.0f} MB")
        return seconds, done.peak_mb


def _failure(argv: Sequence[str], status: int, output: str) -> str:
    last = "\n".join(output.strip().splitlines()[-LAST_LINES:])
    return f"{' '.join(argv)} ended with status {status}:\n{last}"


def _processor() -> str:
    """The name of the processor, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
