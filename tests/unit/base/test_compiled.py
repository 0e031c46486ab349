"""Compiled kernels are compiled anew when something that they were compiled with has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLER = """
from pipeline_lib.base.compiled import compiled
from {lent} import FACTOR, lent

@compiled
def outer(x):
    return inner(x) * FACTOR

@compiled
def inner(x):
    return lent(x)
"""
LENT = """
from pipeline_lib.base.compiled import compiled

FACTOR = {factor}

@compiled
def lent(x):
    return x + {addend}
"""
RUN = "import caller; print(caller.outer(1), sum(caller.outer.stats.cache_hits.values()))"


def _run(folder: Path, *, addend: int, factor: int) -> str:
    (folder / "caller.py").write_text(CALLER.format(lent="lent"), encoding="utf-8")
    os.utime(folder / "caller.py", (1, 1))
    (folder / "lent.py").write_text(LENT.format(addend=addend, factor=factor), encoding="utf-8")
    os.utime(folder / "lent.py", (addend, addend))
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{Path(__file__).parents[3]}", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["NUMBA_CACHE_DIR"] = str(folder / "cache")
    command = [sys.executable, "-c", RUN]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_machine_code_is_kept_for_the_next_process(tmp_path: Path) -> None:
    assert _run(tmp_path, addend=10, factor=1) == "11 0"
    assert _run(tmp_path, addend=10, factor=1) == "11 1"


@pytest.mark.parametrize(("addend", "factor", "result"), [(20, 1, 21), (10, 2, 22)], ids=["kernel", "number"])
def test_a_change_of_what_a_kernel_imports_is_seen(tmp_path: Path, addend: int, factor: int, result: int) -> None:
    assert _run(tmp_path, addend=10, factor=1) == "11 0"
    assert _run(tmp_path, addend=addend, factor=factor) == f"{result} 0"
