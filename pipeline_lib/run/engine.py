"""Run shard functions on processes of this machine, with a deadline that holds.

The seam for other engines (Ray) is `Engine.map`: a top-level function and picklable jobs in, results out. Processes
are spawned, not forked (we run beside Prefect's threads), live as long as the engine, so that imports are paid once
a night, and leave by themselves when this process is killed.
A deadline cannot stop native code in a thread; it can kill a process, and does.
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from types import TracebackType
from typing import Self, TypeVar

from pipeline_lib.base.errors import StageTimeout, UpstreamError
from pipeline_lib.base.imports import arrow_without_pandas
from pipeline_lib.base.lifeline import exit_with_parent

Job = TypeVar("Job")
Result = TypeVar("Result")


class Engine:
    """A pool of worker processes. Use it as a context manager; workers start with the first job."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._warming: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None:
            self._stop()
        else:
            self._kill()

    def warm(self, function: Callable[[Job], None], job: Job, num_workers: int) -> None:
        """Start workers and let each do `function(job)`, which only loads what later jobs need; returns at once.

        The first jobs wait for it, so that they do not start workers that have loaded nothing. How it ends is nobody's
        concern: what it could not load, the job that needs it will, or fail.
        """
        pool = self._started()
        self._warming = [pool.submit(function, job) for _ in range(min(num_workers, self.workers))]

    def map(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], *, deadline_seconds: float, what: str
    ) -> Iterator[tuple[int, Result]]:
        """`(index, function(job))` in the order of completion.

        The first error of a job is raised after the jobs that already run have ended; the others are not begun.
        Raises `StageTimeout` when the deadline passes (workers are killed) and `UpstreamError` when a worker dies
        (most often: out of memory).
        """
        deadline = time.monotonic() + deadline_seconds
        pending: dict[Future[Result], int] = {}
        try:
            pool = self._started()
            wait(self._warming, timeout=deadline_seconds)
            pending.update({pool.submit(function, job): index for index, job in enumerate(jobs)})
            while pending:
                done, _ = wait(pending, timeout=max(0.0, deadline - time.monotonic()), return_when=FIRST_COMPLETED)
                if not done:
                    raise StageTimeout(
                        f"{what}: not done after {deadline_seconds / 60:g} minutes and stopped. Finished shards are "
                        "kept; run again to go on, or raise resources.stage_deadline_minutes."
                    )
                for future in done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool as exc:
            self._kill()
            raise UpstreamError(
                f"{what}: a worker process died (out of memory, or killed). Finished shards are kept; run again, "
                "with fewer resources.workers or a smaller ingest.max_shard_bytes if it happens again."
            ) from exc
        except Exception:
            self._let_end(pending, deadline)
            raise

    def call(self, function: Callable[[Job], Result], job: Job, *, deadline_seconds: float, what: str) -> Result:
        """`function(job)` in a worker process."""
        return next(iter(self.map(function, [job], deadline_seconds=deadline_seconds, what=what)))[1]

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=get_context("spawn"), initializer=start_worker, initargs=(os.getpid(),)
            )
        return self._pool

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _let_end(self, pending: Collection[Future[Result]], deadline: float) -> None:
        """Begin no more of these jobs, and wait until none runs; kill those that are not done by the deadline."""
        running = [future for future in pending if not future.cancel()]
        if wait(running, timeout=max(0.0, deadline - time.monotonic())).not_done:
            self._kill()

    def _kill(self) -> None:
        if self._pool is None:
            return
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


def start_worker(parent: int) -> None:
    """What each worker does first.

    It leaves Ctrl-C, which a terminal sends to us too, to its parent, and ends with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent(parent)
    arrow_without_pandas()
