"""How long the work waits for a server that only shows it: a few seconds in all of a run, and then no more.

Each call runs in a thread of its own, so that the wait is bounded whatever the call does: a server that is stopped
takes connections and never answers, and Prefect's client tries again for minutes. What is usual is not counted; what
a slow server takes beyond that is.
"""

import contextvars
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

PATIENCE_SECONDS = 5.0
USUAL_SECONDS = 1.0  # of one call


class NotShown(Exception):
    """A server did not take what was to be shown: it is gone, hangs, refuses, or has used up our patience."""


class Patience:
    """What is left of the time that a run has for its server. Once it is over, nothing is asked any more."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._seconds_left = seconds

    @property
    def is_over(self) -> bool:
        """Whether the server is given up."""
        return self._seconds_left <= 0

    def ask(self, call: Callable[[], Any]) -> Any:
        """What `call` returns. Raises `NotShown` when it raises, when it takes too long, and when patience is over."""
        if self.is_over:
            raise NotShown
        answer: list[Any] = []
        fault: list[Exception] = []

        def run() -> None:
            try:
                answer.append(call())
            except Exception as exc:  # noqa: BLE001 - whatever goes wrong with showing must leave the work alone
                fault.append(exc)

        started = monotonic()
        thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="showing", daemon=True)
        thread.start()
        thread.join(self._seconds_left)
        if not answer:
            self._seconds_left = 0.0
            raise NotShown from (fault[0] if fault else TimeoutError())
        self._seconds_left -= max(0.0, monotonic() - started - USUAL_SECONDS)
        return answer[0]
