"""A move of the champion that was made, told to the standing Prefect server by plain requests.

Prefect itself takes seconds to load, and waits long for a server that is gone. The move is made by then, whatever
becomes of this: a server that does not answer costs a line; it was greeted when the move began, and had its time. The
run appears as the flows `promote` and `rollback` leave theirs, with the table of moves and the event.
"""

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

from flows.access import auth_string, basic
from flows.standing import recorded
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.moves import show_move
from tasks.runtime import PlainRuntime

PATIENCE_SECONDS = 2.0  # with the greeting, and with all that is told
ODD_ANSWERS = (OSError, HTTPException, ValueError, LookupError, TypeError)  # the last three: not what was asked for


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
        if self._told is None:
            return ""
        self._greeting.join(self._told.seconds_left)
        try:
            if self._fault is not None:
                raise self._fault
            self._told.begin(flow, name, parameters)
            show_move(move, self._settings, self._told)
        except ODD_ANSWERS as exc:
            why = f"answers with status {exc.code}" if isinstance(exc, urllib.error.HTTPError) else "does not answer"
            return f"the Prefect server of nightshift up {why}: the move is made and on record, and is not shown there"
        return ""

    def _greet(self) -> None:
        if self._told is None:
            return
        try:
            self._told.take_token()
            self._fault = None
        except ODD_ANSWERS as exc:
            self._fault = exc


class Told(PlainRuntime):
    """Shows results as a flow run that has ended, without Prefect."""

    def __init__(self, api_url: str, auth: str) -> None:
        self._api_url = api_url
        self._ends_at = time.monotonic() + PATIENCE_SECONDS
        self._headers = {**basic(auth), "content-type": "application/json"}

    @property
    def seconds_left(self) -> float:
        """How long it is still waited for."""
        return max(0.0, self._ends_at - time.monotonic())

    def take_token(self) -> None:
        """The server takes changes only from who has asked it for a token first."""
        client = str(uuid.uuid4())
        try:
            token = self._ask(f"csrf-token?client={client}")["token"]
        except urllib.error.HTTPError as exc:
            if exc.code != 422:  # it asks for none
                raise
            return
        self._headers |= {"prefect-csrf-client": client, "prefect-csrf-token": token}

    def begin(self, flow: str, name: str, parameters: Mapping[str, Any]) -> None:
        """Make the run, as one that has ended: nothing is left running if this stops half-way."""
        self._ends_at = time.monotonic() + PATIENCE_SECONDS
        flow_id = self._ask("flows/", {"name": flow})["id"]
        state = {"type": "COMPLETED", "name": "Completed"}
        run = {"flow_id": flow_id, "name": name, "parameters": dict(parameters), "state": state}
        self.flow_run_id = str(self._ask("flow_runs/", run)["id"])

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        """See `Runtime`."""
        data = json.dumps([dict(row) for row in rows])
        table = {"key": key, "type": "table", "description": description, "data": data}
        self._ask("artifacts/", {**table, "flow_run_id": self.flow_run_id})

    def event(self, name: str, resource: str, payload: Mapping[str, Any]) -> None:
        """See `Runtime`."""
        event = {
            "id": str(uuid.uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": name,
            "resource": {"prefect.resource.id": resource},
            "related": [
                {"prefect.resource.id": f"prefect.flow-run.{self.flow_run_id}", "prefect.resource.role": "flow-run"}
            ],
            "payload": dict(payload),
        }
        self._ask("events", [event])

    def _ask(self, path: str, value: Any = None) -> Any:
        """What the server answers; with a value it is posted."""
        data = None if value is None else json.dumps(value).encode()
        left = self.seconds_left
        if left == 0:
            raise TimeoutError
        request = urllib.request.Request(f"{self._api_url}/{path}", data, self._headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
        with opener.open(request, timeout=left) as answer:
            return json.loads(answer.read() or b"null")
