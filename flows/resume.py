"""Nights that were killed under the worker of `nightshift up` are begun again by it, each at most three times.

A process that is killed with -9 tells nobody; the record of its run names the process, so `up` sees it gone within
seconds. Prefect is told first, so that the run is Crashed and its slot free, then the same run is due again: the worker
takes it, and it goes on from its finished shards and its newest checkpoint. What a person cancelled, or started by
hand, stays ended. Heartbeats and an automation of Prefect would do the same later, and at times to good runs.
"""

import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flows.access import auth_string
from flows.asked import ODD_ANSWERS, Asked
from pipeline_lib.store.workspace import RunRecord, Workspace
from tasks.runtime import NIGHTS

LOOK_SECONDS = 10.0
WORKER_SECONDS = 30.0  # in which a worker that lives says itself that its run has crashed
TWICE_SECONDS = 8.0  # in which it says so a second time: first who watches the process, then who has submitted it
WATCHED_SECONDS = 60.0  # in which a run that is due again may be said to have crashed by a worker that was slow
PATIENCE_SECONDS = 5.0  # with Prefect's server; another look comes soon
MOST_RESUMES = 3
LEFT_OPEN = ("CRASHED", "RUNNING", "PENDING", "SCHEDULED")  # any other state is somebody's last word


@dataclass(frozen=True)
class _Due:
    """A run that was begun again: what Prefect was told, and how often it had been started by then."""

    body: dict[str, Any]
    run_count: int
    until: float


class Resumer:
    """Looks for killed nights. `reap`: tells Prefect of them all, and writes down that it knows."""

    def __init__(
        self, workspace: Workspace, api_url: str, say: Callable[[str], None], reap: Callable[[], None]
    ) -> None:
        self._workspace, self._api_url, self._say, self._reap = workspace, api_url, say, reap
        self._look_at = 0.0
        self._seen: dict[tuple[str, str], float] = {}  # when a run was first seen to be killed, and shown so
        self._due: dict[str, _Due] = {}  # by flow run, what was begun again

    def look(self) -> None:
        """Begin again what was killed since the last look, if it is time for one."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        killed = [run for run in self._workspace.runs() if _is_killed_night(run)]
        if killed or self._due:
            with suppress(*ODD_ANSWERS):
                asked = Asked(self._api_url, auth_string(self._workspace.root), seconds=PATIENCE_SECONDS)
                asked.take_token()
                self._watch(asked)
                self._resume(killed, asked.for_longer(PATIENCE_SECONDS))

    def _watch(self, asked: Asked) -> None:
        """Let no word on the try before be the last one on the next."""
        for flow_run_id, due in list(self._due.items()):
            shown = asked.send("GET", f"flow_runs/{flow_run_id}")
            if shown["run_count"] != due.run_count or time.monotonic() > due.until:
                del self._due[flow_run_id]
            elif shown["state_type"] == "CRASHED":
                asked.send("POST", f"flow_runs/{flow_run_id}/set_state", due.body)

    def _resume(self, killed: list[RunRecord], asked: Asked) -> None:
        shown = {run.run_id: _shown(asked, run) for run in killed}
        if any(self._is_told_soon(run, shown[run.run_id]) for run in killed):
            return
        self._reap()
        told = {run.run_id for run in self._workspace.runs() if run.is_reaped}
        for run in killed:
            found = shown[run.run_id]
            if run.run_id in told and found is not None and _is_ours_to_resume(found):
                self._begin_again(run, found, asked.for_longer(PATIENCE_SECONDS))

    def _is_told_soon(self, run: RunRecord, shown: dict[str, Any] | None) -> bool:
        """Whether its worker may not have said yet that it has crashed: said after this, it would end the next try."""
        state = (shown or {}).get("state_type", "")
        first = self._seen.setdefault((run.run_id, state), time.monotonic())
        waits = {"RUNNING": WORKER_SECONDS, "PENDING": WORKER_SECONDS, "CRASHED": TWICE_SECONDS}
        return time.monotonic() < first + waits.get(state, 0.0)

    def _begin_again(self, run: RunRecord, shown: dict[str, Any], asked: Asked) -> None:
        number = shown["run_count"]
        killed = run.message.partition(";")[0]
        if number > MOST_RESUMES:
            self._say(f"{run.flow} was {killed}, for the {number}th time; it is not begun again")
            return
        due = {
            "type": "SCHEDULED",
            "name": "AwaitingRetry",
            "message": f"{killed}; begun again by nightshift up ({number} of {MOST_RESUMES})",
            "state_details": {"scheduled_time": datetime.now(UTC).isoformat()},
        }
        body = {"state": due, "force": True}
        # Before it is asked for: it is on record that Prefect was told, so no other look would find the run.
        self._due[str(run.flow_run_id)] = _Due(body, number, time.monotonic() + WATCHED_SECONDS)
        asked.send("POST", f"flow_runs/{run.flow_run_id}/set_state", body)
        self._say(f"{run.flow} was {killed}; the worker begins it again ({number} of {MOST_RESUMES})")


def _is_killed_night(run: RunRecord) -> bool:
    return run.state == "killed" and not run.is_reaped and run.flow in NIGHTS and run.flow_run_id is not None


def _shown(asked: Asked, run: RunRecord) -> dict[str, Any] | None:
    """What Prefect shows of a run; None where it does not know it."""
    try:
        found: dict[str, Any] = asked.send("GET", f"flow_runs/{run.flow_run_id}")
    except urllib.error.HTTPError as exc:
        if exc.code != 404:
            raise
        return None
    return found


def _is_ours_to_resume(shown: dict[str, Any]) -> bool:
    """Whether a worker ran it, for a deployment, and nobody has ended it since."""
    return shown["deployment_id"] is not None and shown["state_type"] in LEFT_OPEN
