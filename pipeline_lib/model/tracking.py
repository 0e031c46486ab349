"""The tracker adapter: runs, parameters and metric curves in MLflow, without ever getting in the way of the work.

Points are buffered here and sent by a thread of their own. While MLflow cannot be reached the buffer grows and the
work goes on; what is still unsent at the end is tried for some seconds, and then kept (`curves.py` sends it later). A
point keeps the time at which it was logged, so one that is sent twice is stored once.

The embedded default is an SQLite file in the workspace, spoken to directly: no server. Its path is absolute, since
MLflow takes a relative one from wherever a process happens to stand (`store/addresses.py` has what follows from it).
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.model.database import damage_in, ready
from pipeline_lib.store.addresses import FILES_OF_MLFLOW, MLFLOW
from pipeline_lib.store.databases import sqlite_address
from pipeline_lib.store.files import translate_os_error
from pipeline_lib.store.outbox import Outbox

RECEIVER = "mlflow"  # of what is kept
PAGES_VARIABLE = "NIGHTSHIFT_MLFLOW_URL"  # where a browser finds MLflow, when that is not where we do
RUN_KEY = "nightshift.key"  # tag by which a run is found again after a kill
FLUSH_SECONDS = 1.0
FIRST_BACK_OFF_SECONDS = 1.0
MAX_BACK_OFF_SECONDS = 30.0
PATIENCE_SECONDS = 5.0  # at the end of a training, with a server
LOCAL_PATIENCE_SECONDS = 60.0  # with a file: somebody may hold it, or it is being made
LOAD_SECONDS = 60.0  # of MLflow itself
ANSWER_SECONDS = 5.0
PORTS = {"http": 80, "https": 443}
DELETED = "deleted"  # a stage in the life of an experiment
MAX_METRICS = 1000  # in one request; MLflow's own limits
MAX_PARAMS = 100
MAX_PARAM_CHARACTERS = 6000

logger = logging.getLogger("pipeline_lib.night")


@dataclass(frozen=True)
class Place:
    """An MLflow store."""

    uri: str
    artifact_root: str | None = None  # None: the server decides

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine, spoken to without a server."""
        return self.uri.startswith(("sqlite:", "sqlite+"))

    @property
    def is_own(self) -> bool:
        """Whether it is the workspace's own, and nobody else's."""
        return self.is_local and self.artifact_root is not None

    @property
    def database(self) -> Path:
        """That file."""
        path = self.uri.partition(":///")[2].partition("?")[0]
        return Path(unquote(path.removeprefix("file:")) if path.startswith("file:") else path)

    @property
    def shown(self) -> str:
        """Its address without user and password."""
        scheme, separator, rest = self.uri.partition("://")
        return f"{scheme}{separator}{rest.rsplit('@', 1)[-1]}"

    def link(self, experiment_id: str, run_id: str) -> str | None:
        """The page of a run, where there is a server to show it."""
        return page_of(self.uri, f"experiments/{experiment_id}/runs/{run_id}") if self.uri.startswith("http") else None


def place_of(tracking_uri: str | None, workspace: Path) -> Place:
    """The configured store, or the SQLite file of the workspace."""
    if tracking_uri is not None:
        return Place(tracking_uri)
    root = workspace.resolve()
    return Place(sqlite_address(root / MLFLOW), (root / FILES_OF_MLFLOW).as_uri())


def page_of(server: str, path: str = "experiments") -> str:
    """The address of a page. MLflow otherwise opens as a tool for agents, and shows traces where our runs are."""
    return f"{server.rstrip('/')}/#/{path}?workflowType=machine_learning"


def pages_of(place: Place) -> str | None:
    """Where a browser finds this store, or None when no server is known."""
    found = os.environ.get(PAGES_VARIABLE) or (place.shown if place.uri.startswith("http") else None)
    return found.rstrip("/") if found else None


@dataclass(frozen=True)
class Point:
    """One value of a curve."""

    key: str
    value: float
    timestamp_ms: int
    step: int


class MlflowTracker:
    """A run in MLflow. Used from one thread; sends from another. Importing MLflow is left to that thread, too."""

    def __init__(
        self,
        place: Place,
        *,
        experiment: str,
        key: str,
        name: str,
        tags: Mapping[str, str] | None = None,
        outbox: Outbox | None = None,
        patience_seconds: float | None = None,
    ) -> None:
        """`key` names the run for good: the same key goes on with the same run, also after a kill.

        `outbox` gets what cannot be sent in the end, within `patience_seconds`: a file of this machine gets longer.
        """
        self.place = place
        self._experiment, self._key, self._name, self._tags = experiment, key, name, dict(tags or {})
        self._outbox = outbox
        usual = LOCAL_PATIENCE_SECONDS if place.is_local else PATIENCE_SECONDS
        self._patience_seconds = usual if patience_seconds is None else patience_seconds
        self._points: list[Point] = []
        self._params: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._lock = threading.Lock()
        self._loaded, self._ending = threading.Event(), threading.Event()
        self._error: Exception | None = None
        self._run_id: str | None = None
        self.link: str | None = None  # of the run's page, as soon as it is known
        self._thread = threading.Thread(target=self._send_until_end, name="mlflow", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        if self._ending.is_set():
            return
        if exc is not None:
            self._outbox = None  # it is told again by the run that goes on
        try:
            self.finish("FINISHED" if exc is None else "FAILED")
        except UpstreamError:
            if exc is None:  # the error that ended the work is the one to show
                raise

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Remember how the run was configured."""
        with self._lock:
            self._params.update({name: str(value) for name, value in params.items()})

    def log_metrics(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Add one point to each of the curves."""
        now_ms = int(time.time() * 1000)
        with self._lock:
            self._points += [Point(key, float(value), now_ms, step) for key, value in metrics.items()]

    def log_text(self, name: str, text: str) -> None:
        """Put a file beside the curves. It is tried once: what it shows stays where it is from."""
        with self._lock:
            self._texts[name] = text

    def finish(self, status: str = "FINISHED") -> str | None:
        """Send the rest and end the run; its id.

        Where MLflow takes it not within `patience_seconds`: keeps it and returns None, or raises `UpstreamError` where
        there is no outbox.
        """
        self._ending.set()
        self._loaded.wait(LOAD_SECONDS)
        deadline = time.monotonic() + self._patience_seconds
        self._thread.join(self._patience_seconds)
        back_off = FIRST_BACK_OFF_SECONDS
        while not self._thread.is_alive():  # else it waits for an answer: whoever asks now waits, too
            if self._try_send() and not self._points:
                try:
                    return self._end(status)
                except Exception as exc:  # noqa: BLE001 - any failure of a client that wraps many transports
                    self._error = exc
            if time.monotonic() + back_off > deadline:
                break
            time.sleep(back_off)
            back_off = min(2 * back_off, MAX_BACK_OFF_SECONDS)
        if self._outbox is None:
            raise unreachable(self.place) from self._error
        self._keep(self._outbox, status)
        return None

    def _keep(self, outbox: Outbox, status: str) -> None:
        with self._lock:
            points, params = list(self._points), dict(self._params)
        run = {"place": self.place.shown, "experiment": self._experiment, "name": self._name, "tags": self._tags}
        outbox.keep(self._key, lines_of(run | {"status": status}, params, points))
        logger.warning(
            "MLflow at %s does not take the curves of this training: they are kept, and sent later", self.place.shown
        )

    def _send_until_end(self) -> None:
        load()  # takes seconds, for which no server is to blame
        self._loaded.set()
        pause = FLUSH_SECONDS
        while True:
            pause = FLUSH_SECONDS if self._try_send() else min(2 * pause, MAX_BACK_OFF_SECONDS)
            if self._ending.wait(pause):
                return

    def _try_send(self) -> bool:
        """Send what is buffered; what could not be sent stays buffered."""
        with self._lock:
            points, params = list(self._points), dict(self._params)
        try:
            client = connect(self.place)
            if self._run_id is None:
                self._open(client)
            self._send(client, points, params)
            self._send_texts(client)
        except Exception as exc:  # noqa: BLE001 - any failure of the tracker must leave the work alone
            self._error = exc
            return False
        with self._lock:
            del self._points[: len(points)]
            self._params = {name: value for name, value in self._params.items() if name not in params}
        return True

    def _open(self, client: Any) -> None:
        run = open_run(client, self.place, experiment=self._experiment, key=self._key, name=self._name, tags=self._tags)
        self._run_id, self.link = run.info.run_id, self.place.link(run.info.experiment_id, run.info.run_id)

    def _send(self, client: Any, points: list[Point], params: Mapping[str, str]) -> None:
        assert self._run_id is not None  # it has been opened
        send(client, self._run_id, points, params)

    def _send_texts(self, client: Any) -> None:
        with self._lock:
            texts, self._texts = self._texts, {}
        for name, text in texts.items():
            try:
                client.log_text(self._run_id, text, name)
            except Exception:  # noqa: BLE001 - a store of files may fail where the one of runs does not
                logger.warning("MLflow at %s does not take %s: it is in the workspace alone", self.place.shown, name)

    def _end(self, status: str) -> str:
        assert self._run_id is not None  # set by the send that just went well
        connect(self.place).set_terminated(self._run_id, status)
        return self._run_id


def send(client: Any, run_id: str, points: Sequence[Point], params: Mapping[str, str]) -> None:
    """Log to a run. A parameter that it has is left as it is; a value is cut at MLflow's limit of 6,000 characters."""
    from mlflow.entities import Metric, Param

    if params:
        known = client.get_run(run_id).data.params
        fresh = [Param(name, value[:MAX_PARAM_CHARACTERS]) for name, value in params.items() if name not in known]
        for first in range(0, len(fresh), MAX_PARAMS):
            client.log_batch(run_id, params=fresh[first : first + MAX_PARAMS])
    for first in range(0, len(points), MAX_METRICS):
        batch = [Metric(p.key, p.value, p.timestamp_ms, p.step) for p in points[first : first + MAX_METRICS]]
        client.log_batch(run_id, metrics=batch)


def lines_of(run: Mapping[str, Any], params: Mapping[str, str], points: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """What is kept of a run (`store/outbox.py`): itself, its parameters, its points, MAX_METRICS of them a line."""
    yield {"run": dict(run)}
    yield {"params": dict(params)}
    for first in range(0, len(points), MAX_METRICS):
        yield {"points": [[p.key, p.value, p.timestamp_ms, p.step] for p in points[first : first + MAX_METRICS]]}


def load() -> Any:
    """MLflow, set up as we want it."""
    # MLflow's own 7 retries take minutes for a server that is down; ours are around it.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")  # uploads have their own; two minutes by default
    import mlflow.entities

    # It tells of what a database refuses with tracebacks and values; we say it in a line, where it matters.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    return mlflow


def connect(place: Place) -> Any:
    """An MLflow client of that store.

    The store is also set for the whole process: parts of MLflow (a version made from a logged model) make clients of
    their own and would otherwise start an `mlflow.db` in the current folder.
    """
    mlflow = load()
    if place.is_local:
        _make_folder(place.database.parent)
    if place.is_own:
        ready(place.database)
    mlflow.set_tracking_uri(place.uri)
    mlflow.set_registry_uri(place.uri)
    return mlflow.MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise translate_os_error(exc, path) from exc


def open_experiment(client: Any, place: Place, name: str) -> str:
    """The id of the experiment, made on first use; one that was deleted in MLflow's pages is restored, with a word.

    Else no night could keep a run any more: MLflow gives the name to no other, and takes none into a deleted one.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    try:
        if found is None:
            return str(client.create_experiment(name, artifact_location=place.artifact_root))
        if found.lifecycle_stage == DELETED:
            client.restore_experiment(found.experiment_id)
            logger.warning("the experiment %s was deleted in MLflow; nights need it, so it is restored", name)
    except MlflowException:  # somebody else was quicker
        found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage == DELETED:
            raise
    return str(found.experiment_id)


def open_run(client: Any, place: Place, *, experiment: str, key: str, name: str, tags: Mapping[str, str]) -> Any:
    """The run with this key, made on first use; set to running again when it had ended."""
    experiment_id = open_experiment(client, place, experiment)
    found = client.search_runs([experiment_id], filter_string=f"tags.`{RUN_KEY}` = '{key}'", max_results=1)
    if found:
        client.update_run(found[0].info.run_id, status="RUNNING")
        return found[0]
    return client.create_run(experiment_id, run_name=name, tags={**tags, RUN_KEY: key})


def check_answers(place: Place) -> None:
    """Raises `UpstreamError` when nobody answers where an MLflow server should be: to know before a night's work."""
    address = urlsplit(place.uri)
    if address.scheme not in PORTS or address.hostname is None or _has_proxy(address.scheme, address.hostname):
        return
    where = address.hostname, address.port or PORTS[address.scheme]
    try:
        if address.scheme == "http":  # one that is stopped takes connections all the same
            with closing(HTTPConnection(*where, timeout=ANSWER_SECONDS)) as connection:
                connection.request("GET", f"{address.path.rstrip('/')}/health")
                connection.getresponse()  # whatever it says: it may ask who we are, or know no such page
        else:
            socket.create_connection(where, ANSWER_SECONDS).close()
    except (OSError, HTTPException) as exc:
        raise unreachable(place) from exc


def _has_proxy(scheme: str, host: str) -> bool:
    return scheme in getproxies() and not proxy_bypass(host)


def unreachable(place: Place) -> UpstreamError:
    """The error for a store that does not answer, or is damaged."""
    damage = damage_in(place.database, is_own=place.is_own) if place.is_local else None
    return damage or UpstreamError(
        f"MLflow at {place.shown} cannot be reached. Start it or correct register.tracking_uri, then run again: "
        "what was made is kept."
    )
