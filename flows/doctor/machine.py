"""Checks of the machine: packages, disk, memory, processors, clock."""

import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import psutil

from flows.doctor.finding import ERROR, FIX, WARNING, Finding, Patient
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.memory import NIGHT_BYTES, check_addresses
from pipeline_lib.keep.forecast import night_bytes, night_memory
from pipeline_lib.store.files import nearest_folder, put_aside
from pipeline_lib.train.settings import TrainSettings

ROOT = Path(__file__).resolve().parents[2]
PINS = (ROOT / "constraints.txt", ROOT / "deployments" / "constraints.txt")  # of a checkout, of a package
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)")
NAMES_SHOWN = 5
CLOCK_SECONDS = 120.0  # that clocks of two machines may differ by
ROUGH, AS_BEFORE = "a rough figure", "by what the last ones have made"
CGROUP = Path("/sys/fs/cgroup")  # version 2, as containers see their own


def packages(_: Patient) -> Iterator[Finding]:
    """What is installed is what the lock names."""
    installed = {_bare(found.name): found.version for found in metadata.distributions() if found.name}
    if missing := sorted(_wanted() - installed.keys()):
        yield Finding(ERROR, f"not installed: {', '.join(missing)}", _install(missing))
    pinned = _pinned()
    wrong = [name for name, versions in pinned.items() if _public(installed.get(name, "")) not in ("", *versions)]
    if wrong:
        told = [f"{name} {installed[name]}, not {' or '.join(sorted(pinned[name]))}" for name in wrong[:NAMES_SHOWN]]
        more = f" and {len(wrong) - NAMES_SHOWN} more" if len(wrong) > NAMES_SHOWN else ""
        yield Finding(WARNING, f"other versions than those of the lock: {'; '.join(told)}{more}", _install(wrong))


def _wanted() -> set[str]:
    """What this package asks for."""
    try:
        asked = metadata.requires("nightshift") or []
    except metadata.PackageNotFoundError:
        return set()
    return {_bare(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in asked if "extra ==" not in line}


def _pinned() -> dict[str, set[str]]:
    """By package the versions of the lock: some have one for each Python."""
    found: dict[str, set[str]] = {}
    path = _lock()
    for line in path.read_text(encoding="utf-8").splitlines() if path else ():
        if pin := PIN.match(line):
            found.setdefault(_bare(pin["name"]), set()).add(_public(pin["version"]))
    return found


def _lock() -> Path | None:
    return next((path for path in PINS if path.is_file()), None)


def _bare(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _public(version: str) -> str:
    """2.13.0+cpu is 2.13.0, built for another machine."""
    return version.split("+")[0]


def _install(names: list[str]) -> str:
    path = _lock()
    pip = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:
        pip = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*pip, *(["--constraint", str(path)] if path else []), *names])


def disk(patient: Patient) -> Iterator[Finding]:
    """The disk has room for the next night."""
    root = patient.workspace.root
    need, free = night_bytes(patient.settings, patient.workspace), free_bytes(root)
    if free < need.num_bytes:
        told = f"{root}: {free / 1e6:,.0f} MB are free on that disk, and the next night needs about"
        what = f"{told} {need.num_bytes / 1e6:,.0f} MB ({ROUGH if need.is_rough else AS_BEFORE})"
        yield Finding(ERROR, what, "nightshift gc --maintenance.keep_days 0")


def free_bytes(path: Path) -> int:
    """What this user may write on the disk that a path is on, or would be."""
    return shutil.disk_usage(nearest_folder(path)).free


def memory(patient: Patient) -> Iterator[Finding]:
    """There is memory for the next night."""
    try:
        check_addresses(NIGHT_BYTES)
    except SettingsError as exc:
        yield Finding(ERROR, str(exc), "ulimit -v unlimited")
    if patient.at_work is not None:  # it has it
        return
    need, free = night_memory(patient.settings, patient.workspace), _free_memory()
    if free < need:
        more = patient.settings.resources.workers > 1
        command = "nightshift run --resources.workers 1" if more else "ps aux --sort=-rss | head"
        what = f"{free / 1e9:,.1f} GB of memory are free, and the next night needs about {need / 1e9:,.1f} GB"
        yield Finding(WARNING, f"{what} ({ROUGH})", command)


def _free_memory() -> int:
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((CGROUP / "memory.max").read_text(encoding="ascii"))
        return min(free, limit - int((CGROUP / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or no limit
        return free


def cores(patient: Patient) -> Iterator[Finding]:
    """As many processors are free as the training takes threads, and the data half workers."""
    own, there = patient.settings, num_cores()
    threads, workers = own.of(TrainSettings).threads, own.resources.workers
    for name, wanted in (("train.threads", threads), ("resources.workers", workers)):
        if wanted > there:
            what = f"{name} is {wanted}, and this machine gives a night {there:g} processors: they wait for each other"
            yield Finding(WARNING, what, f"nightshift run --{name} {max(1, int(there))}")
    if patient.at_work is None and threads <= there:
        free = there - psutil.getloadavg()[1]
        if free < threads - 0.5:
            what = (
                f"other programs have kept {min(there, there - free):.1f} of {there:g} processors busy for five minutes"
            )
            yield Finding(WARNING, f"{what}; train.threads is {threads}", "ps aux --sort=-pcpu | head")


def num_cores() -> float:
    """Processors that this process may use, also in a container."""
    there = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = (CGROUP / "cpu.max").read_text(encoding="ascii").split()
        return min(float(there), int(quota) / int(period))
    except (OSError, ValueError):  # no container, or no limit
        return float(there)


def clock(patient: Patient) -> Iterator[Finding]:
    """Nothing here was done in the future: the clock of this machine was not put back."""
    latest = patient.now + CLOCK_SECONDS
    runs = patient.workspace.runs()
    late = [run for run in runs if max(run.started, run.ended or 0.0) > latest]
    days = [batch.arrived for batch in patient.workspace.batches() if batch.arrived > _day(latest)]
    if not late and not days:
        return
    when = max([*(_minute(max(run.started, run.ended or 0.0)) for run in late), *days])
    command = "sudo timedatectl set-ntp true" if sys.platform == "linux" else "sudo sntp -sS time.apple.com"
    if late:
        things = [patient.workspace.state / "runs" / f"{run.run_id}.json" for run in late if run.state != "running"]
        what = f"{len(late)} runs are on record at {when}, and this machine's clock says {_minute(patient.now)}"
        right = f"{command}; if the clock is right now: {FIX}, which puts these records aside"
        yield Finding(ERROR, what, right, partial(_aside, things))
    if days:
        what = f"{len(days)} batches arrived on {max(days)}, and this machine's clock says {_minute(patient.now)}"
        yield Finding(WARNING, f"{what}; mixes by day leave them out until then", command)


def _aside(paths: list[Path]) -> str:
    for path in paths:
        put_aside(path)
    return f"{len(paths)} records are put aside"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _minute(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
