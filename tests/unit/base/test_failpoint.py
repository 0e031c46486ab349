"""Failpoints: the n-th pass of the named place kills the process group, and nothing else does."""

import subprocess
import sys

import pytest

from pipeline_lib.base.failpoint import VARIABLE, failpoint

PASSES = """
from pipeline_lib.base.failpoint import failpoint
for number in range(3):
    failpoint("clean", "start")
    failpoint("clean", "before_seal")
    failpoint("dedup", "start")
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("place", "status", "passed"),
    [
        ("clean:start:1", -9, ""),
        ("clean:start:3", -9, "0\n1\n"),
        ("dedup:start:2", -9, "0\n"),
        ("clean:start:4", 0, "0\n1\n2\n"),
        ("scrub:start:1", 0, "0\n1\n2\n"),
    ],
)
def test_the_nth_pass_of_the_named_place_kills(place: str, status: int, passed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PASSES],
        env={"PYTHONPATH": ":".join(sys.path), VARIABLE: place},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (status, passed)


def test_the_whole_process_group_goes() -> None:
    """A shell whose child reaches the failpoint never comes to its next command."""
    script = (
        f'{sys.executable} -c \'from pipeline_lib.base.failpoint import failpoint; failpoint("clean", "start")\'; echo'
    )
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PYTHONPATH": ":".join(sys.path), VARIABLE: "clean:start:1"},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-9, "")


def test_without_the_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    failpoint("clean", "start")
