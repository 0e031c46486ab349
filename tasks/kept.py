"""A night that Prefect cannot show, since no server is there when it begins: kept as a run that is shown later."""

import uuid
from pathlib import Path
from typing import Any

from pipeline_lib.store.outbox import Outbox
from tasks.runtime import PREFECT, PlainRuntime


class KeptRuntime(PlainRuntime):
    """Runs the work in this process; what is to be shown is one parcel, which is kept when it is known how it ended:
    nobody can tell of it before, and who tries would part it."""

    def __init__(self, workspace: Path, flow: str) -> None:
        super().__init__()
        self._outbox, self._flow = Outbox(workspace.resolve(), PREFECT), flow
        self._shown_name, self._shown = flow, list[dict[str, Any]]()

    def name(self, name: str) -> None:
        """See `Runtime`."""
        self._shown_name = name

    def _show(self, method: str, path: str, body: Any, *, passes: bool = False) -> Any:
        if not passes:
            self._shown.append({"method": method, "path": path, "body": body})

    def end(self, state: str, message: str) -> None:
        """Say how it ended: "Completed", "Failed" or "Crashed". The last line, so that it stays while others do."""
        run = {"name": self._shown_name, "state": {"type": state.upper(), "name": state, "message": message}}
        self._outbox.keep(str(uuid.uuid4()), [*self._shown, {"flow": self._flow, "run": run}])
