"""Places where a test may kill the process: `NIGHTSHIFT_FAIL=clean:before_rename:2` kills at the second pass there.

The whole process group is killed with SIGKILL, as a machine that loses its power would. Without the variable a
failpoint costs one dictionary look-up.
"""

import os
import signal

VARIABLE = "NIGHTSHIFT_FAIL"
_passes: dict[str, int] = {}


def failpoint(stage: str, point: str) -> None:
    """Kill the process group if the environment asks for it here."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    wanted_stage, wanted_point, number = wanted.split(":")
    if (stage, point) != (wanted_stage, wanted_point):
        return
    key = f"{stage}:{point}"
    _passes[key] = _passes.get(key, 0) + 1
    if _passes[key] == int(number):
        os.killpg(0, signal.SIGKILL)
