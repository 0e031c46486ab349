"""What a throughput is measured on: one core, one thread, CPU seconds.

CPU seconds of the process (all its threads), not wall time: they do not grow when others use the machine. Waiting for
the disk is left out of both sides of a comparison.
"""

import os
from collections.abc import Mapping

ONE_THREAD: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "ARROW_NUM_THREADS": "1",
}


def stay_on_one_core() -> None:
    """Keep this process, and all it starts, on one of the cores it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
