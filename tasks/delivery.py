"""What nights could not show in Prefect, told to a server that answers again.

A parcel (`store/outbox.py`) is the requests of one run, in their order. They are made again as they are; what the
server refuses for good is left out. In the end nothing of a run that has ended is left open: the server may have lost,
with its queue, how a task ended.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline_lib.store.outbox import Line, Outbox, Parcel
from tasks.runtime import NIGHTS, of_flow_run

WRITTEN_SECONDS = 5.0  # until the server has written what it was told
SETTLED_SECONDS = 20.0  # behind the end of a run nobody tells of its tasks any more, and all that was told is written
PAGE = 200  # the most of Prefect's API
UNKNOWN = (404, 422)  # no such run; no such id
TRY_AGAIN = (401, 403, 408, 429)  # the others of the 400s say that a request will never be taken
TASK = "prefect.task-run."
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

Send = Callable[..., Any]  # method, path, body


def tell_all(outbox: Outbox, send: Send, on_told: Callable[[], None] = lambda: None) -> None:
    """Deliver all parcels that are for this server; `on_told` hears of each. Raises what `send` raises."""
    with outbox.parcels() as parcels:
        for parcel in parcels:
            if _delivered(parcel, send):
                on_told()


def close_lost(send: Send) -> bool:
    """After a server was lost: end the tasks of our runs that have ended, whose end it had not written yet.

    False: a run ended a moment ago, and how its tasks did may still be told or written; ask again.
    """
    wanted = {"flows": {"name": {"any_": NIGHTS}}, "flow_runs": {"state": {"type": {"any_": sorted(ENDED)}}}}
    wanted |= {"task_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
    runs = {task["flow_run_id"] for task in send("POST", "task_runs/filter", wanted)}
    settled = {run for run in runs if _seconds_since_end(send("GET", f"flow_runs/{run}")) >= SETTLED_SECONDS}
    for run in settled:
        _close(run, set(), send)
    return settled == runs


def _seconds_since_end(run: Mapping[str, Any]) -> float:
    """Of a run that has ended."""
    ended = datetime.fromisoformat(run["state"]["timestamp"])
    return (datetime.now(UTC) - ended).total_seconds()


def close_abandoned(send: Send) -> None:
    """Where no night is at work: show runs of ours that are open as crashed."""
    is_open = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    for run in send("POST", "flow_runs/filter", {"flows": {"name": {"any_": NIGHTS}}, "flow_runs": is_open}):
        crashed = {"type": "CRASHED", "name": "Crashed", "message": "its process is gone"}
        send("POST", f"flow_runs/{run['id']}/set_state", {"state": crashed, "force": True})
        _close(run["id"], set(), send)


def _delivered(parcel: Parcel, send: Send) -> bool:
    """Deliver one parcel; whether it is for this server. What is left of it when the server fails stays."""
    lines = parcel.take()
    left = list(lines)
    try:
        run = _run_of(parcel.key, lines, send) if lines else None
        if run is not None:
            while left:
                if "path" in left[0]:
                    _tell(left[0], run, send)
                del left[0]
            left = lines  # until it is written: to be told twice does no harm
            _close(run, {task for line in lines for task in _tasks_in(line)}, send)
    except BaseException:
        parcel.put_back(left)
        raise
    if run is not None or not lines:
        parcel.done()
    return run is not None


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
    except Exception as exc:
        if _status_of(exc) in UNKNOWN:
            return None
        raise


def _tell(line: Line, run: str, send: Send) -> None:
    body = line["body"]
    if isinstance(body, dict) and body.get("flow_run_id", run) is None:  # its run had no id then
        body = {**body, "flow_run_id": run}
    if line["path"] == "events":
        body = [{**event, "related": [_related(one, run) for one in event.get("related", [])]} for event in body]
    try:
        send(line["method"], line["path"], body)
    except Exception as exc:
        status = _status_of(exc)
        if not 400 <= status < 500 or status in TRY_AGAIN:
            raise


def _related(resource: Mapping[str, str], run: str) -> Mapping[str, str]:
    return of_flow_run(run) if resource == of_flow_run(None) else resource


def _status_of(exc: Exception) -> int:
    """With which status a server refused: urllib says so, and httpx; 0 where it did not answer."""
    response = getattr(exc, "response", None)
    return int(getattr(exc, "code", 0) or getattr(response, "status_code", 0))


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
