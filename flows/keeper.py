"""What `nightshift up` does while it is up: start again what dies or hangs, and tell Prefect what it missed.

A server hangs when it does not answer several times in a row, or is seen stopped (SIGSTOP) so often; a worker, which
answers nobody, is only seen. It is killed then, and what is dead is started again where it was: at its port, with its
password, so that links hold. The pauses between the starts of one server double; after MOST_STARTS of them `up` ends.
MLflow's server is also started again when another file lies where its database lay: it would go on with the old one.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.delivery import close_lost, deliver_all
from flows.servers import HEALTH, MLFLOW, START_SECONDS, Server, last_word
from flows.standing import answers
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.logs import rotate
from pipeline_lib.store.workspace import Workspace

MOST_STARTS = 5  # of one server
WINDOW_SECONDS = 600.0  # within this time
FIRST_PAUSE_SECONDS = 1.0  # before the second start in a row, then twice as long
HEALTH_SECONDS = 5.0  # between two looks at how the servers are
MOST_SILENT = 8  # looks in a row in which a server does not answer, each two seconds long at most
MOST_STOPPED = 3  # looks in a row in which it is stopped
DELIVERY_SECONDS = 5.0  # between two looks for what is kept


@dataclass
class _Seen:
    """How a server was, the last times it was looked at."""

    starts: deque[float] = field(default_factory=deque)  # again, within WINDOW_SECONDS
    started: float = field(default_factory=time.monotonic)
    has_answered: bool = True  # since it was started
    num_silent: int = 0  # in a row
    num_stopped: int = 0
    is_told: bool = False  # that it is started again


class Keeper:
    """Looks after the servers of `up`; the first of them is Prefect's. `database`: the file that MLflow's reads."""

    def __init__(
        self,
        servers: Sequence[Server],
        settings: Settings,
        workspace: Workspace,
        say: Callable[[str], None],
        *,
        database: Path | None = None,
    ) -> None:
        self._servers, self._settings, self._workspace, self._say = servers, settings, workspace, say
        self._seen: dict[str, _Seen] = defaultdict(_Seen)
        self._database, self._file = database, _file_number(database)
        self._look_at = self._deliver_at = 0.0
        self._lost = True  # Prefect's server has ended since it was last looked for what was lost with it

    def look(self) -> None:
        """Do what is to be done now. Raises `UpstreamError` when a server dies again and again."""
        self._follow_database()
        if time.monotonic() >= self._look_at:
            for server in self._servers:
                self._end_if_it_hangs(server)
            self._look_at = time.monotonic() + HEALTH_SECONDS
        for server in self._servers:
            if server.process.poll() is not None:
                self._start_again(server)
            rotate(server.log_path)
        if time.monotonic() >= self._deliver_at:
            self._deliver()
            self._deliver_at = time.monotonic() + DELIVERY_SECONDS

    def _end_if_it_hangs(self, server: Server) -> None:
        if server.process.poll() is not None:
            return
        seen, path = self._seen[server.name], HEALTH.get(server.name)
        seen.num_stopped = seen.num_stopped + 1 if server.is_stopped() else 0
        is_silent = path is not None and not answers(server.url + path)
        seen.num_silent = seen.num_silent + 1 if is_silent else 0
        seen.has_answered |= not is_silent
        if seen.num_stopped >= MOST_STOPPED:
            self._end(server, "was stopped")
        elif seen.num_silent >= MOST_SILENT and (seen.has_answered or time.monotonic() > seen.started + START_SECONDS):
            self._end(server, "does not answer any more" if seen.has_answered else "did not answer after its start")

    def _end(self, server: Server, why: str) -> None:
        self._say(f"the {server.name} process {why}; it is killed and started again (its log: {server.log_path})")
        self._seen[server.name].is_told = True
        server.kill()

    def _start_again(self, server: Server) -> None:
        now, seen = time.monotonic(), self._seen[server.name]
        starts = seen.starts
        while starts and starts[0] < now - WINDOW_SECONDS:
            starts.popleft()
        if starts and now < starts[-1] + FIRST_PAUSE_SECONDS * 2 ** len(starts):
            return
        if len(starts) >= MOST_STARTS:
            raise UpstreamError(
                f"the {server.name} process ended {MOST_STARTS + 1} times in {WINDOW_SECONDS / 60:g} minutes. It said "
                f"last: {last_word(server.log_path, server.log_start)}. Look into {server.log_path}, put that right, "
                "and start again with nightshift up."
            )
        starts.append(now)
        if not seen.is_told:
            self._say(f"the {server.name} process ended by itself; starting it again (its log: {server.log_path})")
        self._start(server)

    def _start(self, server: Server) -> None:
        server.start_again()
        self._seen[server.name] = _Seen(self._seen[server.name].starts, has_answered=False)
        self._lost |= server is self._servers[0]

    def _follow_database(self) -> None:
        number = _file_number(self._database)
        if number in (None, self._file):
            return
        before, self._file = self._file, number
        if before is None:  # its server has just made it
            return
        for server in self._servers:
            if server.name == MLFLOW and server.process.poll() is None:
                self._say("MLflow's database was replaced; its server is started again, and reads the new one")
                server.kill()
                self._start(server)

    def _deliver(self) -> None:
        api_url = f"{self._servers[0].url}/api"
        deliver_all(self._settings, self._workspace, api_url, self._say)
        if self._lost and answers(f"{api_url}/health"):  # what was kept is told by now
            self._lost = not close_lost(self._workspace, api_url)


def _file_number(path: Path | None) -> int | None:
    """Which file lies there; None where there is none yet, or an empty one."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return found.st_ino if found is not None and found.st_size else None
