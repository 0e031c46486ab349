"""A night that Prefect cannot show, since no server is there when it begins: kept as a run that is shown later."""

import uuid
from pathlib import Path
from typing import Any

from pipeline_lib.store.outbox import Outbox
from tasks.runtime import PREFECT, PlainRuntime


class KeptRuntime(PlainRuntime):
    """Runs the work in this process; what is to be shown, and how it ended, is one parcel."""

    def __init__(self, workspace: Path, flow: str) -> None:
        super().__init__()
        self._outbox, self._parcel, self._flow = Outbox(workspace.resolve(), PREFECT), str(uuid.uuid4()), flow
        self._shown_name = flow

    def name(self, name: str) -> None:
        """See `Runtime`."""
        self._shown_name = name

    def _show(self, method: str, path: str, body: Any, *, passes: bool = False) -> Any:
        if not passes:
            self._outbox.keep(self._parcel, [{"method": method, "path": path, "body": body}])

    def end(self, state: str, message: str) -> None:
        """Say how it ended: "Completed", "Failed" or "Crashed"."""
        run = {"name": self._shown_name, "state": {"type": state.upper(), "name": state, "message": message}}
        self._outbox.keep(self._parcel, [{"flow": self._flow, "run": run}])
