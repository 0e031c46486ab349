"""`python -m tests.bench.look CONFIG`: seconds of the look at the sources and the plan of the data half.

Makes nothing but the cache of file digests, which the night then finds; that part of it is counted here.
"""

import os
import sys
import time
from pathlib import Path

from pipeline_lib.plan.data import plan_data
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace


def main() -> None:
    """Print the seconds as the last line."""
    settings = resolve(Path(sys.argv[1]), os.environ, ()).settings
    started = time.perf_counter()
    plan_data(settings, Workspace(settings.workspace))
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
