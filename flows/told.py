"""A move of the champion that was made, told to the standing Prefect server by plain requests.

Prefect itself takes seconds to load, and waits long for a server that is gone. The move is made by then, whatever
becomes of this: a server that does not answer costs a line; it was greeted when the move began, and had its time. The
run appears as the flows `promote` and `rollback` leave theirs, with the table of moves and the event.
"""

import threading
import urllib.error
from collections.abc import Callable, Mapping
from typing import Any

from flows.access import auth_string
from flows.asked import ODD_ANSWERS, Asked
from flows.standing import recorded
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.moves import show_move
from tasks.runtime import APPROVAL, PlainRuntime

PATIENCE_SECONDS = 2.0  # with the greeting, and with all that is told


class Teller:
    """Greets the server at once, while the move is being made and MLflow loads for it; then tells it the move."""

    def __init__(self, settings: Settings) -> None:
        workspace = Workspace(settings.workspace.resolve())
        found = recorded(workspace)
        self._settings = settings
        self._told = None if found is None else Told(f"{found.prefect_url}/api", auth_string(workspace.root))
        self._fault: Exception | None = TimeoutError()  # until it has answered
        self._greeting = threading.Thread(target=self._greet, name="greeting", daemon=True)
        self._greeting.start()

    def tell(self, move: Mapping[str, Any], *, flow: str, name: str, parameters: Mapping[str, Any]) -> str:
        """Show the move; "" where that went well or there is no server, else why not."""

        def show(told: "Told") -> None:
            told.begin(flow, name, parameters)
            show_move(move, self._settings, told)
            told.close_questions()

        return self._tell(show, "the move is made and on record, and is not shown there")

    def tell_refusal(self) -> str:
        """Close the form that asks for what was refused by now; "" or why not."""
        return self._tell(Told.begin_closing, "the refusal is on record, and its form there stays open")

    def _tell(self, show: Callable[["Told"], None], what: str) -> str:
        if self._told is None:
            return ""
        self._greeting.join(self._told.asked.seconds_left)
        try:
            if self._fault is not None:
                raise self._fault
            show(self._told)
        except ODD_ANSWERS as exc:
            why = f"answers with status {exc.code}" if isinstance(exc, urllib.error.HTTPError) else "does not answer"
            return f"the Prefect server of nightshift up {why}: {what}"
        return ""

    def _greet(self) -> None:
        if self._told is None:
            return
        try:
            self._told.asked.take_token()
            self._fault = None
        except ODD_ANSWERS as exc:
            self._fault = exc


class Told(PlainRuntime):
    """Shows results as a flow run that has ended, without Prefect."""

    def __init__(self, api_url: str, auth: str) -> None:
        super().__init__()
        self.asked = Asked(api_url, auth, seconds=PATIENCE_SECONDS)

    def begin(self, flow: str, name: str, parameters: Mapping[str, Any]) -> None:
        """Make the run, as one that has ended: nothing is left running if this stops half-way."""
        self.asked.begin()
        flow_id = self.asked.send("POST", "flows/", {"name": flow})["id"]
        state = {"type": "COMPLETED", "name": "Completed"}
        run = {"flow_id": flow_id, "name": name, "parameters": dict(parameters), "state": state}
        self.flow_run_id = str(self.asked.send("POST", "flow_runs/", run)["id"])

    def begin_closing(self) -> None:
        """Close the forms, with time of its own."""
        self.asked.begin()
        self.close_questions()

    def close_questions(self) -> None:
        """End the runs of the flow `approval` that ask: what they ask is decided, whichever way."""
        open_ones = {"flows": {"name": {"any_": [APPROVAL]}}, "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
        decided = {"type": "COMPLETED", "name": "Decided", "message": "decided outside of this form"}
        for run in self.asked.send("POST", "flow_runs/filter", open_ones):
            self.asked.send("POST", f"flow_runs/{run['id']}/set_state", {"state": decided, "force": True})

    def _show(self, method: str, path: str, body: Any, *, passes: bool = False) -> Any:
        return self.asked.send(method, path, body)
