"""What all tasks of one run share: settings, workspace, worker processes, and where to report.

Opened once by a flow, or by the command line for a single stage.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pipeline_lib.base.errors import NightshiftError, WorkspaceBusy
from pipeline_lib.forget.names import is_begun
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.run.engine import Engine
from pipeline_lib.run.step import Done, summed
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.holder import holder_of
from pipeline_lib.store.home import settle
from pipeline_lib.store.private import close_to_others
from pipeline_lib.store.workspace import KEPT_RUNS, RunRecord, Workspace, new_run
from tasks.runtime import NIGHTS, UPKEEP, Runtime

BEAT_SECONDS = 10.0
UPKEEP_SECONDS = 1800.0  # that a night waits for it
ENDING_SECONDS = 3.0  # that the system takes at most to let go what a process held
LOOK_SECONDS = 0.5

logger = logging.getLogger("pipeline_lib.night")


class Reporter(Protocol):
    """Who is told how the night goes. The CLI draws bars; a worker's log gets lines."""

    def say(self, text: str) -> None:
        """One line."""

    def started(self, stage: str, label: str) -> None:
        """A step begins."""

    def progress(self, done: float, total: float, note: str) -> None:
        """The step that began last has done `done` of `total` units."""

    def finished(self, stage: str, label: str, result: Done) -> None:
        """A step ended well."""


class LogReporter:
    """One log line a step: for workers and tests."""

    def say(self, text: str) -> None:
        """One line."""
        logger.info(text)

    def started(self, stage: str, label: str) -> None:
        """A step begins."""

    def progress(self, done: float, total: float, note: str) -> None:
        """Logs say nothing between start and end."""

    def finished(self, stage: str, label: str, result: Done) -> None:
        """A step ended well."""
        how = "cached" if result.is_cached else f"{result.seconds:.1f} s"
        logger.info("%s %s: %d in, %d out (%s)", stage, label, result.rows_in, result.rows_out, how)


@dataclass
class Night:
    """One run at work."""

    settings: Settings
    workspace: Workspace
    engine: Engine
    record: RunRecord
    reporter: Reporter
    runtime: Runtime
    plan: DataPlan | None = None  # of the data half, if it is there already
    stage_seconds: dict[str, float] = field(default_factory=dict)  # time spent inside stages, by stage
    cpu_seconds: dict[str, float] = field(default_factory=dict)  # of what was made, by maker and by part of a work

    def enter(self, stage: str, label: str) -> None:
        """Write down where we are, so that a kill can be told later."""
        self.record = replace(self.record, stage=stage, stage_started=time.time())
        self.workspace.save_run(self.record)
        self.reporter.started(stage, label)

    def leave(self, stage: str, label: str, result: Done, seconds: float) -> None:
        """Write down that a step is done."""
        self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + seconds
        self.cpu_seconds = summed((self.cpu_seconds, result.cpu_seconds))
        self.reporter.finished(stage, label, result)

    def stop(self) -> None:
        """Write down that the run was stopped where it is."""
        self.record = self.record.ended_as("stopped", time.time())
        self.workspace.save_run(self.record)

    def end(self, state: str, message: str, summary: Mapping[str, Any] | None = None) -> None:
        """Write down how the run ended."""
        stages = {stage: round(seconds, 3) for stage, seconds in self.stage_seconds.items()}
        self.record = replace(
            self.record,
            state=state,
            message=message,
            summary=summary,
            ended=time.time(),
            stage_seconds=stages,
            cpu_seconds=self.cpu_seconds,
        )
        self.workspace.save_run(self.record)


@dataclass(frozen=True)
class Given:
    """What the command line has ready for a night: a flow gets nothing but its settings."""

    reporter: Reporter
    engine: Engine | None = None  # with workers that are loading
    plan: DataPlan | None = None  # made while the workspace was locked, as it still is
    has_begun: threading.Event = field(default_factory=threading.Event)  # set by the night that takes it


_given: ContextVar[Given | None] = ContextVar("given", default=None)


@contextmanager
def with_given(given: Given) -> Iterator[None]:
    """The night that is opened inside takes what is there."""
    token = _given.set(given)
    try:
        yield
    finally:
        _given.reset(token)


def _go_on_forgetting(night: Night) -> None:
    """End what a killed `nightshift forget` had begun, before anything reads it."""
    if is_begun(night.workspace.root):
        from tasks.learned import go_on  # which loads Arrow

        night.reporter.say("going on with what nightshift forget had begun")
        go_on(night.settings, night.workspace, night.reporter.say)


@contextmanager
def open_night(settings: Settings, flow: str, runtime: Runtime) -> Iterator[Night]:
    """A night that holds the workspace until its end.

    Raises `WorkspaceBusy` when another process is at work in the workspace. A night waits for upkeep: a schedule would
    lose it to some seconds of that.
    """
    workspace = Workspace(settings.workspace.resolve())
    given = _given.get() or Given(LogReporter())
    given.has_begun.set()
    reporter = given.reporter
    is_patient = flow in NIGHTS
    with (
        _locked(workspace, reporter, wait_seconds=UPKEEP_SECONDS if is_patient else 0.0),
        nullcontext(given.engine) if given.engine else Engine(settings.resources.workers) as engine,
    ):
        record = replace(new_run(uuid.uuid4().hex[:12], flow, settings.profile), flow_run_id=runtime.flow_run_id)
        workspace.save_run(record)
        night = Night(settings, workspace, engine, record, reporter, runtime, plan=given.plan)
        with _beating(workspace, record.run_id), _at_work(night):
            if line := settle(workspace.root):
                reporter.say(line)
            if line := close_to_others(workspace.root):
                reporter.say(line)
            workspace.sweep()
            _go_on_forgetting(night)
            look_back(workspace, runtime, reporter)
            yield night


@contextmanager
def _locked(workspace: Workspace, reporter: Reporter, *, wait_seconds: float) -> Iterator[None]:
    """Hold the workspace, behind upkeep that is at work there. Raises `WorkspaceBusy` at once beside anything else."""
    began, is_told = time.monotonic(), False
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(workspace.lock())
                break
            except WorkspaceBusy:
                upkeep = _upkeep_in(workspace)
                patience = wait_seconds if upkeep else min(wait_seconds, ENDING_SECONDS)
                if upkeep is None or time.monotonic() >= began + patience:
                    raise
                if upkeep and not is_told:
                    reporter.say(f"waiting for {upkeep}, which is at work here")
                    is_told = True
                time.sleep(LOOK_SECONDS)
        yield


def _upkeep_in(workspace: Workspace) -> str | None:
    """The upkeep that holds the workspace; "" when nobody is seen to: who held it has just ended, or is another
    machine's. None when it is something else."""
    holder = holder_of(workspace.state / "lock")
    if holder is None:
        return ""
    own = (run.flow for run in workspace.runs() if run.process_id == holder.process_id)
    return next((flow for flow in own if flow in UPKEEP), None)


@contextmanager
def _at_work(night: Night) -> Iterator[None]:
    """Write down how the night ended."""
    try:
        yield
        if night.record.state == "running":
            night.end("completed", "")
    except Exception as exc:
        night.end("failed", str(exc) if isinstance(exc, NightshiftError) else type(exc).__name__)
        raise
    except BaseException:  # Ctrl-C, SIGTERM: Prefect and the command line raise each their own
        night.stop()
        raise
    finally:
        night.runtime.settle()


def look_back(workspace: Workspace, runtime: Runtime, reporter: Reporter) -> None:
    """Show runs that were killed or stopped as what they are, once each; forget those of long ago.

    Who is stopped may have had no time to tell Prefect, as the night of a worker that is told to end.
    """
    records = workspace.runs()
    workspace.forget_runs(records)
    for record in records[-KEPT_RUNS:]:
        if record.state not in ("killed", "stopped") or record.is_reaped:
            continue
        if record.state == "killed":
            reporter.say(f"{record.flow} was {record.message.split(';')[0]}; going on from there")
        workspace.save_run(replace(record, is_reaped=runtime.reap(record)))


@contextmanager
def _beating(workspace: Workspace, run_id: str) -> Iterator[None]:
    """Give signs of life, so that a kill can be told by the minute, however long its stage had run."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(BEAT_SECONDS):
            workspace.beat(run_id)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
