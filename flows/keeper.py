"""What `nightshift up` does while it is up: start again what dies, and tell Prefect what it missed."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from flows.delivery import close_lost, deliver_all
from flows.servers import Server
from flows.standing import answers
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.logs import rotate
from pipeline_lib.store.workspace import Workspace

MOST_STARTS = 5  # of one server
WINDOW_SECONDS = 600.0  # within this time
FIRST_PAUSE_SECONDS = 1.0  # before the second start in a row, then twice as long
DELIVERY_SECONDS = 5.0  # between two looks for what is kept


class Keeper:
    """Looks after the servers of `up`; the first of them is Prefect's."""

    def __init__(
        self, servers: Sequence[Server], settings: Settings, workspace: Workspace, say: Callable[[str], None]
    ) -> None:
        self._servers, self._settings, self._workspace, self._say = servers, settings, workspace, say
        self._starts: dict[str, deque[float]] = defaultdict(deque)
        self._deliver_at = 0.0
        self._lost = True  # Prefect's server has ended since it was last looked for what was lost with it

    def look(self) -> None:
        """Do what is to be done now. Raises `UpstreamError` when a server dies again and again."""
        for server in self._servers:
            if server.process.poll() is not None:
                self._start_again(server)
            rotate(server.log_path)
        if time.monotonic() >= self._deliver_at:
            self._deliver_at = time.monotonic() + DELIVERY_SECONDS
            self._deliver()

    def _start_again(self, server: Server) -> None:
        now, starts = time.monotonic(), self._starts[server.name]
        while starts and starts[0] < now - WINDOW_SECONDS:
            starts.popleft()
        if starts and now < starts[-1] + FIRST_PAUSE_SECONDS * 2 ** len(starts):
            return
        if len(starts) >= MOST_STARTS:
            raise UpstreamError(
                f"the {server.name} process ended by itself {MOST_STARTS + 1} times in {WINDOW_SECONDS / 60:g} "
                f"minutes; its last words are in {server.log_path}. Start again with nightshift up."
            )
        starts.append(now)
        self._say(f"the {server.name} process ended by itself; starting it again (its log: {server.log_path})")
        server.start_again()
        self._lost |= server is self._servers[0]

    def _deliver(self) -> None:
        api_url = f"{self._servers[0].url}/api"
        if self._lost and answers(f"{api_url}/health"):
            self._lost = not close_lost(self._workspace, api_url)
        deliver_all(self._settings, self._workspace, api_url, self._say)
