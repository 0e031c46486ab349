"""Run a flow from the command line: with the standing servers if there are some, else with a Prefect server of our own.

The server starts first and Prefect is imported while it does: on two cores that is a second and a half of a night in
which nothing is new.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.console import ConsoleReporter
from flows.delivery import close_abandoned, deliver_all
from flows.servers import Server, prefect_environment, start_prefect
from flows.standing import links, settle_in, standing_open
from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.base.imports import arrow_without_pandas, collector_off
from pipeline_lib.base.leaving import do_not_wait, is_waiting
from pipeline_lib.base.memory import NIGHT_BYTES, check_addresses
from pipeline_lib.model.tracking import PAGES_VARIABLE, check_answers, place_of
from pipeline_lib.plan.data import DataPlan, night_key, plan_data
from pipeline_lib.plan.warm import warm
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.engine import Engine
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.runtime import OWN_SERVER_VARIABLE

if TYPE_CHECKING:
    from tasks.night import Given

# That Prefect's client has for a request: it asks twice, with two seconds between. A night with nothing new makes 20
# requests in half a second.
REQUEST_SECONDS = 2.5
FLUSH_SECONDS = 5.0


def launch_nightly(settings: Settings) -> int:
    """Run a whole night and tell how it went; the exit status."""
    started = time.monotonic()
    workspace = Workspace(settings.workspace.resolve())
    reporter = ConsoleReporter()
    logging.raiseExceptions = False  # a line that Prefect does not take is no news for the terminal
    check_addresses(NIGHT_BYTES)
    check_first(settings, workspace, reporter.say)
    check_answers(place_of(settings.of(RegisterSettings).tracking_uri, workspace.root))
    with workspace.lock(), prefect_server(workspace, reporter) as urls, Engine(settings.resources.workers) as engine:
        plan = foresee(settings, workspace)
        if plan is not None:
            warm(engine, plan, settings)
        with collector_off():
            import fastapi.encoders  # noqa: F401 - Prefect loads it for a run's parameters; sooner it costs no time

            from flows.nightly import nightly
            from tasks.night import Given, with_given

        given = Given(reporter, engine, plan)
        told_later = delivered_at_the_end(settings, workspace, urls, reporter.say)
        with told_later, flushed_logs(), prefect_as_we_want_it(), reporter, said_by(reporter), with_given(given):
            # Results are not kept; without a place for them Prefect asks its server for one all the same, three times.
            flow = nightly.with_options(result_storage=workspace.root / "prefect" / "storage", persist_result=False)
            result = with_or_without_prefect(partial(flow, settings), urls, settings, given)
    reporter.summary(result, seconds=time.monotonic() - started, urls=urls.shown, workspace=workspace.root)
    return 0


def with_or_without_prefect(
    flow: Callable[[], dict[str, Any]], urls: "Urls", settings: Settings, given: "Given"
) -> dict[str, Any]:
    """The night as a flow; where Prefect fails before it begins, the night alone, which is shown later."""
    try:
        urls.wait()
        return flow()
    except Exception as exc:
        if given.has_begun.is_set():  # it is the night's own
            raise
        do_not_wait()
        why = str(exc) if isinstance(exc, NightshiftError) else f"its server fails with {type(exc).__name__}."
        given.reporter.say(f"Prefect cannot show this night: {why} The night goes on without, and is shown later.")
    return _alone(settings)


def _alone(settings: Settings) -> dict[str, Any]:
    from flows.halves import whole_night
    from tasks.kept import KeptRuntime

    runtime = KeptRuntime(settings.workspace, "nightly")
    try:
        result = whole_night(settings, runtime)
    except Exception as exc:
        runtime.end("Failed", str(exc) if isinstance(exc, NightshiftError) else type(exc).__name__)
        raise
    except BaseException as exc:
        runtime.end("Crashed", type(exc).__name__)
        raise
    runtime.end("Completed", result["verdict"])
    return result


def check_first(settings: Settings, workspace: Workspace, say: Callable[[str], None]) -> None:
    """What would stop the night anyway stops it before any server is started: no key, or a workspace at work."""
    night_key(settings, workspace)
    with workspace.lock():
        settle_in(workspace, say)


def foresee(settings: Settings, workspace: Workspace) -> DataPlan | None:
    """The plan of the data half; None when it cannot be made: the night meets that again, and Prefect shows it."""
    arrow_without_pandas()
    try:
        return plan_data(settings, workspace)
    except NightshiftError:
        return None


class Urls:
    """Where Prefect answers, and how to wait until it does."""

    def __init__(self, api_url: str, shown: Sequence[str], server: Server | None = None) -> None:
        self.api_url = api_url
        self.shown = shown  # the pages of Prefect and MLflow, when they stay open
        self._server = server  # that is starting

    def wait(self) -> None:
        """Return when it answers."""
        if self._server is not None:
            self._server.wait("/api/health")


@contextmanager
def prefect_server(workspace: Workspace, reporter: ConsoleReporter) -> Iterator[Urls]:
    """The standing server of the workspace, or one for the time of the block."""
    os.environ.update(prefect_environment(workspace))
    # Prefect's log lines go to its database, where the UI shows them; the terminal has lines of its own.
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    os.environ["PREFECT_LOGGING_INTERNAL_LEVEL"] = "CRITICAL"  # what was not sent is kept
    found = standing_open(workspace)
    if found is not None:
        os.environ["PREFECT_API_URL"] = f"{found.prefect_url}/api"
        os.environ[PAGES_VARIABLE] = found.mlflow_pages
        yield Urls(os.environ["PREFECT_API_URL"], links(found, workspace))
        return
    reporter.say("starting a Prefect server for this run (nightshift up keeps one running)")
    server = start_prefect(workspace, reporter.say)
    os.environ["PREFECT_API_URL"] = f"{server.url}/api"
    os.environ[OWN_SERVER_VARIABLE] = "1"
    try:
        yield Urls(os.environ["PREFECT_API_URL"], (), server)
    finally:
        server.stop(at_once=not is_waiting())


@contextmanager
def delivered_at_the_end(
    settings: Settings, workspace: Workspace, urls: Urls, say: Callable[[str], None]
) -> Iterator[None]:
    """In the end tell Prefect and MLflow what they could not be told before, tonight or earlier, if they answer now."""
    try:
        yield
    finally:
        runs = deliver_all(settings, workspace, urls.api_url, say)
        if runs and os.environ.get(OWN_SERVER_VARIABLE):  # nobody else begins a run there now
            close_abandoned(workspace, urls.api_url)


@contextmanager
def said_by(reporter: ConsoleReporter) -> Iterator[None]:
    """Warnings of the library as lines of the reporter: of those Prefect, once it is imported, lets no terminal see."""

    class Sayer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter.say(record.getMessage())

    library, sayer = logging.getLogger("pipeline_lib"), Sayer(logging.WARNING)
    library.addHandler(sayer)
    try:
        yield
    finally:
        library.removeHandler(sayer)


@contextmanager
def prefect_as_we_want_it() -> Iterator[None]:
    """How a night of ours has Prefect.

    No signs of life: at the end of each flow it waits up to a second for the thread that sends them. That is 1.6 s of a
    night in which nothing is new; who was killed is told by our own records. And little patience, where it has a minute
    for each request and five more tries: a night goes on without it.
    """
    from prefect.settings import (
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    ours = {
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_API_REQUEST_TIMEOUT: REQUEST_SECONDS,
        PREFECT_CLIENT_MAX_RETRIES: 1,
    }
    with temporary_settings(ours):
        yield


@contextmanager
def flushed_logs() -> Iterator[None]:
    """Let Prefect send what it still holds, before its server goes: also how a run failed or was stopped.

    Where its server takes nothing any more, nobody waits for it, now or at the end of this process.
    """
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    try:
        yield
    finally:
        ends_at = time.monotonic() + FLUSH_SECONDS
        for worker in (APILogWorker, EventsWorker):
            if is_waiting():
                left = worker.drain_all(timeout=max(0.1, ends_at - time.monotonic()))
                if isinstance(left, tuple) and left[1]:
                    do_not_wait()
