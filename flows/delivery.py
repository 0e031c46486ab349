"""What nights could not show, told to servers that answer again: `nightshift run`, `up` and `status` do it.

A parcel (`store/outbox.py`) for Prefect is the requests of one run, in their order. They are made again as they are;
what the server refuses for good is left out. In the end nothing of a run that has ended is left open: the server may
have lost, with its queue, how a task ended.
"""

import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from flows.access import auth_string
from flows.asked import ODD_ANSWERS, Asked
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.model.tracking import RECEIVER as MLFLOW
from pipeline_lib.model.tracking import place_of
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.outbox import Line, Outbox, Parcel
from pipeline_lib.store.workspace import Workspace
from tasks.runtime import PREFECT

DELIVERY_SECONDS = 20.0  # for all parcels, of a server that answers
GREETING_SECONDS = 2.0  # for it to answer
WRITTEN_SECONDS = 5.0  # until the server has written what it was told
PAGE = 200  # the most of Prefect's API
TRY_AGAIN = (401, 403, 408, 429)  # the others of the 400s say that a request will never be taken
OURS = ["nightly", "refresh", "retrain"]
TASK = "prefect.task-run."
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

Send = Callable[..., Any]  # method, path, body


def deliver_all(settings: Settings, workspace: Workspace, api_url: str, say: Callable[[str], None]) -> None:
    """Tell Prefect (at `api_url`; "": it is nowhere) and MLflow what is kept for them; `say` hears what they took."""
    if number := api_url and deliver(workspace, api_url):
        say(f"told Prefect how {number} earlier run{'s' if number > 1 else ''} went")
    if not Outbox(workspace.root, MLFLOW).is_empty():
        from pipeline_lib.model.curves import deliver as deliver_curves

        place = place_of(settings.of(RegisterSettings).tracking_uri, workspace.root)
        if number := deliver_curves(workspace.root, place):
            say(f"sent the curves of {number} training{'s' if number > 1 else ''} to MLflow")


def deliver(workspace: Workspace, api_url: str) -> int:
    """Tell the server all that is kept for it; how many parcels it took. One that fails costs its greeting."""
    outbox = Outbox(workspace.root, PREFECT)
    if outbox.is_empty():
        return 0
    taken = 0
    with suppress(*ODD_ANSWERS), outbox.parcels() as parcels:
        asked = _greeted(workspace, api_url)
        for parcel in parcels:
            taken += _delivered(parcel, asked.send)
    return taken


def close_lost(workspace: Workspace, api_url: str) -> bool:
    """After a server was lost: end the tasks of our runs that have ended, whose end it had not written yet; whether
    that is done."""
    with suppress(*ODD_ANSWERS):
        send = _greeted(workspace, api_url).send
        wanted = {"flows": {"name": {"any_": OURS}}, "flow_runs": {"state": {"type": {"any_": sorted(ENDED)}}}}
        wanted |= {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
        for run in {task["flow_run_id"] for task in send("POST", "task_runs/filter", wanted)}:
            _close(run, set(), send)
        return True
    return False


def close_abandoned(workspace: Workspace, api_url: str) -> None:
    """Where no night is at work: show runs of ours that are open as crashed. Those that had begun are told by their
    records, before; these lost the server when they began."""
    with suppress(*ODD_ANSWERS, WorkspaceBusy), workspace.lock():
        send = _greeted(workspace, api_url).send
        is_open = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
        for run in send("POST", "flow_runs/filter", {"flows": {"name": {"any_": OURS}}, "flow_runs": is_open}):
            crashed = {"type": "CRASHED", "name": "Crashed", "message": "its process is gone"}
            send("POST", f"flow_runs/{run['id']}/set_state", {"state": crashed, "force": True})
            _close(run["id"], set(), send)


def _greeted(workspace: Workspace, api_url: str) -> Asked:
    asked = Asked(api_url, auth_string(workspace.root), seconds=GREETING_SECONDS)
    asked.take_token()
    return asked.for_longer(DELIVERY_SECONDS)


def _delivered(parcel: Parcel, send: Send) -> bool:
    """Deliver one parcel; whether it is for this server. What is left of it when the server fails stays."""
    lines = parcel.take()
    left = list(lines)
    try:
        run = _run_of(parcel.key, lines, send)
        if run is None:
            return False
        while left:
            if "path" in left[0]:
                _tell(left[0], run, send)
            del left[0]
        left = lines  # until it is written: to be told twice does no harm
        _close(run, {task for line in lines for task in _tasks_in(line)}, send)
        left = []
    finally:
        if left:
            parcel.put_back(left)
        else:
            parcel.done()
    return True


def _tasks_in(line: Line) -> list[str]:
    """The task runs whose end a line tells."""
    events = line["body"] if line.get("path") == "events" else []
    names = [event["resource"]["prefect.resource.id"] for event in events]
    return [name.removeprefix(TASK) for name in names if name.startswith(TASK)]


def _run_of(name: str, lines: Sequence[Line], send: Send) -> str | None:
    """The id of the flow run that a parcel tells of, made if it was never there; None for a run of another server."""
    heads = [line for line in lines if "flow" in line]
    if heads:
        flow = send("POST", "flows/", {"name": heads[0]["flow"]})["id"]
        run = {**heads[0]["run"], "flow_id": flow, "idempotency_key": name}
        return str(send("POST", "flow_runs/", run)["id"])
    try:
        return str(send("GET", f"flow_runs/{name}")["id"])
    except urllib.error.HTTPError as exc:
        if exc.code in (404, 422):
            return None
        raise


def _tell(line: Line, run: str, send: Send) -> None:
    body = line["body"]
    if isinstance(body, dict) and body.get("flow_run_id", run) is None:  # its run had no id then
        body = {**body, "flow_run_id": run}
    try:
        send(line["method"], line["path"], body)
    except urllib.error.HTTPError as exc:
        if exc.code >= 500 or exc.code in TRY_AGAIN:
            raise


def _close(run: str, told: set[str], send: Send) -> None:
    """Return when it is written how these tasks ended: the server does that from a queue. Of a run that has ended end
    the others as the run did, as far as the server does not know how they ended."""
    ends_at = time.monotonic() + WRITTEN_SECONDS
    while True:
        tasks = send("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}, "limit": PAGE})
        over = {task["id"] for task in tasks if _has_ended(task)}
        if told <= over or len(tasks) == PAGE:
            break
        if time.monotonic() > ends_at:
            raise TimeoutError
        time.sleep(0.1)
    state = send("GET", f"flow_runs/{run}")["state"]
    if state is None or state["type"] not in ENDED:
        return
    how = {"type": state["type"], "message": "ended with its run; how, was not told"}
    for task in tasks:
        if task["id"] not in over:
            send("POST", f"task_runs/{task['id']}/set_state", {"state": how, "force": True})


def _has_ended(task: Mapping[str, Any]) -> bool:
    return task["state"] is not None and task["state"]["type"] in ENDED
