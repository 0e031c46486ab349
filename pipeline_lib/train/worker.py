"""The training process: `python -m pipeline_lib.train.torchrun ... -m pipeline_lib.train.worker WORK_FOLDER`.

Exit status 0: the result is sealed. 1: an error of ours, left (store/left_error.py). 143: SIGTERM, after a checkpoint.
Anything else: killed. The watch over the parent starts before the slow imports, so that no orphan is left behind.
"""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil

from pipeline_lib.base.errors import DataError, NightshiftError, UpstreamError
from pipeline_lib.base.lifeline import exit_with_parent
from pipeline_lib.base.memory import is_of_memory
from pipeline_lib.store.files import os_error_of, translate_os_error
from pipeline_lib.store.left_error import keep_error, leave_with

EXIT_ORPHANED = 137
OUT_OF_MEMORY = (
    "train: out of memory. Run again with more: it goes on from its newest checkpoint. Or lower train.batch_rows, "
    "train.context_tokens or train.hidden_size, which begins another training."
)


def main() -> None:
    """Train in the folder given on the command line."""
    started = time.monotonic()
    exit_with_parent(_torchrun())
    work = Path(sys.argv[1])
    try:
        _train(work, started)
    except NightshiftError as exc:
        leave_with(work, exc)
    except Exception as exc:
        if is_of_memory(exc):
            leave_with(work, UpstreamError(OUT_OF_MEMORY))
        if (of_system := os_error_of(exc)) is not None:
            leave_with(work, translate_os_error(of_system, work))
        first_line = str(exc).partition("\n")[0][:200]
        keep_error(work, DataError(f"train: {type(exc).__name__}: {first_line}"))
        raise


def _torchrun() -> int:
    """Our parent. When it was killed before we looked, somebody else has adopted us and there is nobody to work for."""
    parent = os.getppid()
    try:
        is_torchrun = "pipeline_lib.train.torchrun" in psutil.Process(parent).cmdline()
    except psutil.Error:  # there is none: 0 is that of the first process of a container
        is_torchrun = False
    if not is_torchrun:
        sys.exit(EXIT_ORPHANED)
    return parent


def _train(work: Path, started: float) -> None:
    from torch import distributed
    from transformers.utils.logging import disable_progress_bar

    from pipeline_lib.train.callbacks import StopSignal
    from pipeline_lib.train.phases import train

    disable_progress_bar()
    _meet()
    stop = StopSignal()
    signal.signal(signal.SIGTERM, stop)
    train(work, started=started, stop=stop)
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _meet() -> None:
    """Form the group of one that Trainer wants, by a file: by an address, torch looks up the name of each."""
    from torch import distributed

    place = Path(tempfile.mkdtemp(prefix="group-"), "store")
    store = distributed.FileStore(str(place), 1)  # type: ignore[attr-defined]  # documented, not listed
    distributed.init_process_group(store=store, rank=0, world_size=1)


if __name__ == "__main__":
    main()
