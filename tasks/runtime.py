"""What runs steps and shows results: Prefect in a night, nothing but this process for a single stage.

`PlainRuntime` is here; the Prefect one is in `stages.py`, so that a single stage never imports Prefect.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from pipeline_lib.run.step import Done, Step
from pipeline_lib.store.workspace import RunRecord

# In the environment while a night runs on a Prefect server of its own, which ends with it.
OWN_SERVER_VARIABLE = "NIGHTSHIFT_OWN_SERVER"
NIGHTS = ("nightly", "refresh", "retrain")  # flows: a whole night, and its halves
APPROVAL = "approval"  # the flow that asks a person
UPKEEP = ("gc", "maintenance", "verify", "forget")  # what holds a workspace for seconds, or minutes
PREFECT = "prefect"  # receiver of what is kept for Prefect's server (`store/outbox.py`)


class Runtime(Protocol):
    """How a step is run, and where results are shown. Keys are stable, so that each has a history."""

    @property
    def flow_run_id(self) -> str | None:
        """Prefect's id of the run, if it is one of Prefect's."""

    def name(self, name: str) -> None:
        """Give the run its name."""

    def do(self, step: Step, work: Callable[[], Done]) -> Done:
        """Run the work of a step under its stage's policy."""

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        """Show a table."""

    def markdown(self, key: str, text: str, description: str) -> None:
        """Show a page."""

    def link(self, key: str, url: str, text: str, description: str) -> None:
        """Show a link."""

    def progress(self, key: str, percent: float, description: str) -> None:
        """Show how far something is; the first call of a run makes the bar."""

    def event(self, name: str, resource: str, payload: Mapping[str, Any]) -> None:
        """Tell others that something happened."""

    def start_flow(self, name: str, *, run: str, key: str, parameters: Mapping[str, Any]) -> None:
        """Have a flow begun by a worker, once for each key; where it is not deployed nothing happens."""

    def reap(self, record: RunRecord) -> bool:
        """Show a killed run as what it is; whether there is nothing left to show."""

    def settle(self) -> None:
        """Return when all that was shown is kept, also if its server ends now."""


class PlainRuntime:
    """Runs the work in this process. What is to be shown becomes requests to Prefect's API, which go nowhere here.

    Who derives from it says where they go.
    """

    flow_run_id: str | None = None
    task_run_id: str | None = None

    def __init__(self) -> None:
        self._name = ""
        self._bars: dict[str, str] = {}  # ids of progress bars, by key

    def _show(self, method: str, path: str, body: Any, *, passes: bool = False) -> Any:
        """Make a request; what is answered, None when nothing is. `passes`: later nobody wants to know."""

    def name(self, name: str) -> None:
        """See `Runtime`."""
        if name != self._name:
            self._show("PATCH", f"flow_runs/{self.flow_run_id}", {"name": name})
            self._name = name

    def do(self, step: Step, work: Callable[[], Done]) -> Done:
        """See `Runtime`."""
        return work()

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        """See `Runtime`."""
        self._artifact("table", key, json.dumps([dict(row) for row in rows]), description)

    def markdown(self, key: str, text: str, description: str) -> None:
        """See `Runtime`."""
        self._artifact("markdown", key, text, description)

    def link(self, key: str, url: str, text: str, description: str) -> None:
        """See `Runtime`."""
        self._artifact("markdown", key, f"[{text}]({url})", description)

    def progress(self, key: str, percent: float, description: str) -> None:
        """See `Runtime`."""
        passes = percent < 100
        if key in self._bars:
            self._show("PATCH", f"artifacts/{self._bars[key]}", {"data": percent}, passes=passes)
            return
        made = self._artifact("progress", key, percent, description, passes=passes)
        if made is not None:
            self._bars[key] = made["id"]

    def event(self, name: str, resource: str, payload: Mapping[str, Any]) -> None:
        """See `Runtime`."""
        event = {
            "id": str(uuid.uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": name,
            "resource": {"prefect.resource.id": resource},
            "related": [of_flow_run(self.flow_run_id)],
            "payload": dict(payload),
        }
        self._show("POST", "events", [event])

    def start_flow(self, name: str, *, run: str, key: str, parameters: Mapping[str, Any]) -> None:
        """See `Runtime`."""
        wanted = {"flows": {"name": {"any_": [name]}}, "deployments": {"name": {"any_": [name]}}}
        begun = {"name": run, "idempotency_key": key, "parameters": dict(parameters)}
        for deployment in self._show("POST", "deployments/filter", wanted, passes=True) or ():
            self._show("POST", f"deployments/{deployment['id']}/create_flow_run", begun, passes=True)

    def _artifact(self, kind: str, key: str, data: str | float, description: str, *, passes: bool = False) -> Any:
        where = {"flow_run_id": self.flow_run_id, "task_run_id": self.task_run_id}
        body = {"key": key, "type": kind, "description": description, "data": data, **where}
        return self._show("POST", "artifacts/", body, passes=passes)

    def reap(self, record: RunRecord) -> bool:
        """See `Runtime`. What Prefect shows has to wait for a night that speaks to it."""
        return record.flow_run_id is None

    def settle(self) -> None:
        """See `Runtime`."""


def of_flow_run(flow_run_id: str | None) -> dict[str, str]:
    """How an event says to which flow run it belongs."""
    return {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}", "prefect.resource.role": "flow-run"}
