"""Leaving a process whose parts would wait for a minute."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import threading, time
from pipeline_lib.base import leaving
leaving.GRACE_SECONDS = 0.1
threading._register_atexit(lambda: time.sleep(600))  # as Prefect waits for its events
print("what was said")
{end}
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("leaving.do_not_wait(); leaving.leave(4)", 4),
        ("leaving.do_not_wait(); leaving.leave(None)", 0),
        ("leaving.do_not_wait(leaves_with=0)", 0),
        ("leaving.do_not_wait(leaves_with=1)", 1),
    ],
)
def test_nobody_is_waited_for_and_what_was_said_is_there(end: str, status: int) -> None:
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (status, "what was said\n")
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("end", ["leaving.do_not_wait(); leaving.leave(3)", "leaving.do_not_wait(leaves_with=3)"])
def test_the_file_of_a_key_ends_with_its_process_also_then(end: str) -> None:
    """Where it does not lie in memory: on macOS."""
    make = "from pipeline_lib.scrub.key import _until_the_end; print(_until_the_end('a key')); "
    program = PROGRAM.format(end=make + end)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    path = Path(ended.stdout.splitlines()[-1])
    assert ended.returncode == 3 and path.name.startswith("nightshift-") and not path.exists()


def test_without_a_reason_all_is_waited_for() -> None:
    program = PROGRAM.replace("time.sleep(600)", "print('sent')").format(end="leaving.leave(3)")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (3, "what was said\nsent\n")
