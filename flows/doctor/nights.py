"""Checks of the nights: whether they start by themselves, and whether one is stuck."""

import os
import sqlite3
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import psutil

from flows.access import auth_string
from flows.asked import ODD_ANSWERS, Asked
from flows.delivery import close_abandoned
from flows.doctor.finding import ERROR, FIX, WARNING, Finding, Patient
from flows.servers import DATABASE, EVERY_NIGHT, POOL, prefect_environment
from flows.show.around import FAILED, NIGHTLY
from flows.show.tables import lasting
from flows.verify import PREFECT
from pipeline_lib.store.workspace import RunRecord, Workspace
from tasks.night import BEAT_SECONDS, LogReporter, look_back
from tasks.runtime import NIGHTS, PlainRuntime

ANSWER_SECONDS = 5.0  # of a server, for all that is asked
SILENT_SECONDS = 30 * BEAT_SECONDS  # after which a run that gives no signs of life hangs
OPEN_RUNS = """
    select id from flow_run where parent_task_run_id is null and state_type in ('RUNNING', 'PENDING', 'CANCELLING')
"""


def schedule(patient: Patient) -> Iterator[Finding]:
    """Where a schedule is set, nights start by themselves: servers, deployment, planned runs, worker."""
    up, wanted = patient.up, patient.settings.schedule
    url = f"{up.prefect_url}/api" if up is not None else os.environ.get("PREFECT_API_URL", "")
    if wanted.cron is None:
        return
    if not url:
        yield Finding(
            WARNING, "no night starts by itself: nightshift up does not run", "nightshift up --install --enable"
        )
        return
    auth = auth_string(patient.workspace.root) if up is not None else os.environ.get("PREFECT_API_AUTH_STRING", "")
    asked = Asked(url, auth, seconds=ANSWER_SECONDS)
    try:
        asked.take_token()
        yield from _scheduled(patient, asked)
    except ODD_ANSWERS as exc:
        again = f"kill -INT {up.process_id}; nightshift up" if up is not None else "nightshift up"
        yield Finding(ERROR, f"Prefect at {url} does not say when nights start ({type(exc).__name__})", again)


def _scheduled(patient: Patient, asked: Asked) -> Iterator[Finding]:
    try:
        found = asked.send("GET", f"deployments/name/{NIGHTLY}/{NIGHTLY}")
    except urllib.error.HTTPError as exc:
        if exc.code != 404:
            raise
        yield Finding(ERROR, "Prefect has no deployment of the night", "nightshift deploy")
        return
    own = [one for one in found["schedules"] if one["slug"] == EVERY_NIGHT]
    if not own:
        yield Finding(ERROR, f"the deployment of the night has no schedule {EVERY_NIGHT}", "nightshift deploy")
        return
    pool = asked.send("GET", f"work_pools/{POOL}")
    if found["paused"] or not own[0]["active"] or pool["is_paused"]:
        fix = partial(_unpause, asked, found["id"], own[0]["id"])
        yield Finding(ERROR, "the schedule of the night, or its work pool, is switched off in Prefect", FIX, fix)
        return
    wanted = patient.settings.schedule
    told = own[0]["schedule"]["cron"], own[0]["schedule"]["timezone"] or "UTC"
    if told != (wanted.cron, wanted.time_zone):
        what = f"Prefect starts the night at {' '.join(told)}, and the settings say {wanted.cron} {wanted.time_zone}"
        yield Finding(WARNING, what, "nightshift deploy")
    query = {
        "deployments": {"id": {"any_": [found["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "limit": 1,
    }
    if not asked.send("POST", "flow_runs/filter", query):
        yield Finding(ERROR, "Prefect has planned no night (it does so a minute after it starts)", "nightshift deploy")
    workers = asked.send("POST", f"work_pools/{POOL}/workers/filter", {})
    if not any(one["status"] == "ONLINE" for one in workers):
        again = "nightshift worker" if patient.up is None else f"kill -INT {patient.up.process_id}; nightshift up"
        yield Finding(ERROR, "no worker answers: a night that is due does not begin", again)


def _unpause(asked: Asked, deployment: str, schedule: str) -> None:
    asked.begin()
    asked.send("PATCH", f"deployments/{deployment}", {"paused": False})
    asked.send("PATCH", f"deployments/{deployment}/schedules/{schedule}", {"active": True})
    asked.send("PATCH", f"work_pools/{POOL}", {"is_paused": False})


def runs(patient: Patient) -> Iterator[Finding]:
    """No run is stuck, and what was killed is shown so; the last night went well."""
    workspace, every = patient.workspace, patient.workspace.runs()
    for run in every:
        if run.state == "running" and (silent := _silence(run, patient)):
            yield silent
    killed = [run for run in every if run.state == "killed" and not run.is_reaped]
    if killed:
        names = ", ".join(sorted({run.flow for run in killed}))
        is_told = patient.up is not None or all(run.flow_run_id is None for run in killed)
        what = f"{len(killed)} runs were killed ({names}), and their records say running"
        yield Finding(WARNING, what, FIX if is_told else "nightshift up", partial(_reap, patient) if is_told else None)
    alive = {run.flow_run_id for run in every if run.state == "running"} | {run.flow_run_id for run in killed}
    open_runs = [run for run in _open_in_prefect(workspace) if run not in alive]
    if open_runs and patient.at_work is None:
        what = f"Prefect shows {len(open_runs)} runs as running that no process works on"
        is_told = patient.up is not None
        fix = partial(close_abandoned, workspace, f"{patient.up.prefect_url}/api") if patient.up is not None else None
        yield Finding(WARNING, what, FIX if is_told else "nightshift up", fix)
    ended = [run for run in every if run.flow in NIGHTS and run.state != "running"]
    if ended and ended[-1].state in FAILED:
        last, said = ended[-1], ended[-1].message.split(";")[0]
        what = f"the last night was {said}" if last.state == "killed" else f"the last night failed: {said}"
        yield Finding(WARNING, what, "nightshift run")


def _silence(run: RunRecord, patient: Patient) -> Finding | None:
    """A run whose process is there, and does nothing."""
    name = f"{run.flow} (process {run.process_id})"
    try:
        if psutil.Process(run.process_id).status() == psutil.STATUS_STOPPED:
            return Finding(ERROR, f"{name} is stopped, and holds the workspace", f"kill -CONT {run.process_id}")
        beat = (patient.workspace.state / "runs" / f"{run.run_id}.json").stat().st_mtime
    except (psutil.Error, OSError):
        return None
    if (silent := patient.now - beat) > SILENT_SECONDS:
        what = f"{name} has given no sign of life for {lasting(silent)}, in {run.stage or 'its start'}"
        return Finding(ERROR, what, f"kill {run.process_id}; nightshift run")
    return None


def _reap(patient: Patient) -> None:
    """Show killed runs as what they are."""
    if patient.up is None:
        look_back(patient.workspace, PlainRuntime(), LogReporter())
        return
    from tasks.stages import PrefectRuntime

    os.environ.update(prefect_environment(patient.workspace))
    os.environ["PREFECT_API_URL"] = f"{patient.up.prefect_url}/api"
    look_back(patient.workspace, PrefectRuntime(patient.workspace.root), LogReporter())


def _open_in_prefect(workspace: Workspace) -> list[Any]:
    """The runs that Prefect's database has as running; none where it cannot be read now."""
    path = workspace.root / PREFECT / DATABASE
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            return [str(row[0]) for row in database.execute(OPEN_RUNS)]
    except sqlite3.Error:
        return []
