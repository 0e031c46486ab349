"""`python -m tests.bench.load`: seconds that a worker process takes to load its libraries and kernels."""

import time

STARTED = time.perf_counter()

from pipeline_lib.base.imports import arrow_without_pandas  # noqa: E402 - importing is what is measured
from pipeline_lib.plan.warm import load  # noqa: E402
from pipeline_lib.stages import AllSettings  # noqa: E402


def main() -> None:
    """Print the seconds as the last line."""
    arrow_without_pandas()
    load(AllSettings())
    print(time.perf_counter() - STARTED)


if __name__ == "__main__":
    main()
