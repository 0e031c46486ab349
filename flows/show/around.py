"""What `nightshift status` says of the nights around now: when the next one starts, how the last ended, who is at work.

The next night is asked of the Prefect server of `nightshift up`, by plain requests: Prefect itself takes seconds to
load.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from flows.access import auth_string
from flows.asked import ODD_ANSWERS, Asked
from flows.servers import EVERY_NIGHT
from flows.show.tables import clock, lasting
from flows.standing import Standing
from pipeline_lib.store.holder import Holder, holder_of
from pipeline_lib.store.workspace import RunRecord, Workspace

PATIENCE_SECONDS = 2.0
NIGHTLY = "nightly"
FAILED = ("failed", "killed")
FIRST_PART = re.compile(r"(?:[^;(]|\([^)]*\)?)*")  # of a message, up to a semicolon outside of brackets
EXIT_FAILED = 7  # of `nightshift status` after a night that failed or was killed; 1 to 6 are those of errors


@dataclass(frozen=True)
class Next:
    """The next night that starts by itself."""

    at: str | None  # "2026-11-30T02:00:00+00:00", in the time zone of the schedule; None: there is none
    cron: str | None = None
    time_zone: str | None = None
    why: str = ""  # there is none

    @property
    def sentence(self) -> str:
        """As people read it."""
        if self.at is None:
            return f"none is scheduled: {self.why}"
        start = datetime.fromisoformat(self.at)
        left = start.timestamp() - time.time()
        when = f"in {lasting(left)}" if left > 0 else f"due for {lasting(-left)}"
        return f"{start:%Y-%m-%d %H:%M} {self.time_zone} ({when})"


@dataclass(frozen=True)
class Around:
    """The nights around now."""

    next: Next
    last: RunRecord | None  # that has ended
    at_work: Holder | None  # in the workspace
    flow: str = ""  # what that runs, where it is on record

    @property
    def exit_status(self) -> int:
        """0, or EXIT_FAILED."""
        return EXIT_FAILED if self.last is not None and self.last.state in FAILED else 0


def look_around(workspace: Workspace, up: Standing | None, runs: Sequence[RunRecord]) -> Around:
    """The nights around now. `up`: whether it answers or not; `runs`: those that are nights, oldest first."""
    ended = [run for run in runs if run.state != "running" and run.ended is not None]
    last = max(ended, key=lambda run: run.ended or 0.0, default=None)
    holder = holder_of(workspace.state / "lock")
    begun = [run.flow for run in runs if holder and run.state == "running" and run.process_id == holder.process_id]
    return Around(next_night(workspace, up), last, holder, begun[-1] if begun else "")


def next_night(workspace: Workspace, up: Standing | None) -> Next:
    """When the next night starts by itself, as the server of `nightshift up` has it."""
    if up is None:
        return Next(None, why="nightshift up does not run")
    asked = Asked(f"{up.prefect_url}/api", auth_string(workspace.root), seconds=PATIENCE_SECONDS)
    try:
        asked.take_token()
        return _planned(asked)
    except ODD_ANSWERS:
        return Next(None, why="the Prefect server of nightshift up does not say when. Look again in a minute")


def _planned(asked: Asked) -> Next:
    deployment = asked.send("GET", f"deployments/name/{NIGHTLY}/{NIGHTLY}")
    (found,) = [schedule for schedule in deployment["schedules"] if schedule["slug"] == EVERY_NIGHT]
    cron, zone = found["schedule"]["cron"], found["schedule"]["timezone"] or "UTC"
    if not found["active"] or deployment["paused"]:
        return Next(
            None, cron, zone, why="the schedule is switched off (schedule.cron is none, or it was done in Prefect)"
        )
    wanted = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    planned = asked.send("POST", "flow_runs/filter", {**wanted, "limit": 1})
    if not planned:
        return Next(None, cron, zone, why="Prefect has planned none yet. Look again in a minute")
    start = datetime.fromisoformat(planned[0]["expected_start_time"]).astimezone(ZoneInfo(zone))
    return Next(start.isoformat(timespec="seconds"), cron, zone)


def as_data(around: Around) -> Mapping[str, Any]:
    """For programs."""
    last, next_one, holder = around.last, around.next, around.at_work
    names = ("flow", "state", "started", "ended", "message")
    return {
        "next_night": {**vars(next_one)},
        "last_night": None
        if last is None
        else {**{name: getattr(last, name) for name in names}, "is_failed": around.exit_status == EXIT_FAILED},
        "at_work": None if holder is None else {**vars(holder), "flow": around.flow},
    }


def show_around(around: Around, console: Console) -> None:
    """For people."""
    console.print(f"\nnext night  {around.next.sentence}", soft_wrap=True)
    if (last := around.last) is not None:
        style = "bold red" if around.exit_status else ""
        said = f": {FIRST_PART.findall(last.message)[0]}" if last.message else ""
        console.print(f"last night  {last.state} at {clock(last.ended or 0.0)}{said}", style=style, soft_wrap=True)
    if (holder := around.at_work) is not None:
        since = f"since {clock(holder.since)} ({lasting(max(0.0, time.time() - holder.since))})"
        what = f"{around.flow}, {holder.command}" if around.flow else holder.command
        console.print(f"at work     process {holder.process_id} {since}: {what}", soft_wrap=True)
