"""The servers of a running `nightshift up`: where other commands of the workspace, and browsers, find them."""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

import psutil

from flows.access import ENTER, auth_string, basic, entry_link, mlflow_login
from flows.ports import HOST
from pipeline_lib.base.errors import UpstreamError, WorkspaceBusy
from pipeline_lib.store.files import open_lock, readable, took_lock
from pipeline_lib.store.holder import holder_of, name_holder
from pipeline_lib.store.home import settle
from pipeline_lib.store.records import read_comfort, write_comfort
from pipeline_lib.store.workspace import ProcessId, Seconds, Workspace

OK, REFUSING, SILENT = 200, (401, 403), 0
ANSWER_SECONDS = 2.0
TAKING_SECONDS = 2.0  # between taking a lock and saying who did


@dataclass(frozen=True)
class Standing:
    """The servers that `nightshift up` started for a workspace."""

    process_id: ProcessId
    process_started: Seconds
    prefect_url: str  # http://127.0.0.1:4200: what programs of this machine ask
    mlflow_url: str
    mlflow_page: str  # the runs of the trainings
    name: str = HOST  # of this machine, for browsers
    mlflow_asks: bool = False  # for user and password
    root: str = ""  # of their workspace; "" in what an earlier release has written

    @property
    def mlflow_pages(self) -> str:
        """Where a browser finds MLflow."""
        return self.mlflow_url.replace(HOST, self.name)

    @property
    def is_alive(self) -> bool:
        """Whether the process that started them is still there: another one behind the same port is not ours."""
        try:
            return abs(psutil.Process(self.process_id).create_time() - self.process_started) < 1.0
        except psutil.Error:
            return False

    def is_of(self, workspace: Workspace) -> bool:
        """Whether they serve this folder: a workspace that was copied, or moved away from them, tells of others."""
        try:
            return not self.root or (Path(self.root) / "state").samefile(workspace.state)
        except (OSError, ValueError):  # a null byte in what is no path
            return False


def standing(workspace: Workspace) -> Standing | None:
    """The servers of a running `nightshift up`, if they are still ours and answer."""
    found = recorded(workspace)
    return found if found is not None and answers(f"{found.prefect_url}/api/health") else None


def standing_open(workspace: Workspace) -> Standing | None:
    """The same, if they let us in. Raises `UpstreamError` where they answer, and have another auth string than the
    workspace: one that is silent is none, whenever it fell silent."""
    found = recorded(workspace)
    if found is None:
        return None
    status = status_at(f"{found.prefect_url}/api/admin/version", auth=auth_string(workspace.root))
    if status in REFUSING:
        raise UpstreamError(
            f"the Prefect server of nightshift up (process {found.process_id}) lets nobody in with the auth string of "
            f"{workspace.root}. Stop nightshift up and start it again."
        )
    return found if status == OK else None


def recorded(workspace: Workspace) -> Standing | None:
    """The same without asking whether they answer."""
    found = read_comfort(workspace.state / "up.json", Standing)
    if found is None or not found.is_of(workspace):
        return None
    return found if found.is_alive else None


@contextmanager
def only_up(workspace: Workspace) -> Iterator[None]:
    """Be the only `nightshift up` of this workspace for the time of the block, from its first moment on.

    Raises `WorkspaceBusy`, with who is there, when another one runs or is just starting.
    """
    workspace.check_layout()
    check_not_left(workspace)
    descriptor = open_lock(workspace.state / "up.lock")
    try:
        is_free = took_lock(descriptor)
        found = recorded(workspace)
        if found is not None:
            raise WorkspaceBusy(
                f"{workspace.root}: nightshift up is running already (process {found.process_id}). Look at\n"
                "  Prefect  {}\n  MLflow   {}".format(*links(found, workspace))
            )
        if not is_free:
            raise WorkspaceBusy(
                f"{workspace.root}: another nightshift up is starting or stopping here ({_holder(workspace)}). "
                "nightshift status prints its links once it is ready."
            )
        name_holder(descriptor)
        yield
    finally:
        os.close(descriptor)


def _holder(workspace: Workspace) -> str:
    """Who holds the lock; a moment after it was taken its file tells of nobody yet, or of who was killed with it."""
    ends_at = time.monotonic() + TAKING_SECONDS
    while time.monotonic() < ends_at:
        if holder := holder_of(workspace.state / "up.lock"):
            return f"process {holder.process_id}"
        time.sleep(0.01)
    return "a process that does not say which"


def check_not_left(workspace: Workspace) -> None:
    """Raises `WorkspaceBusy` while `nightshift up` runs that was started before the workspace was moved away."""
    found = read_comfort(workspace.state / "up.json", Standing)
    if found is None or found.is_of(workspace) or (Path(found.root) / "state").exists() or not found.is_alive:
        return
    raise WorkspaceBusy(
        f"{workspace.root}: was moved while nightshift up ran at {found.root} (process {found.process_id}), where its "
        "schedule would begin a new workspace. Stop it (Ctrl-C there), then run again."
    )


def settle_in(workspace: Workspace, say: Callable[[str], None]) -> None:
    """Before anything is written: let a workspace that was moved or copied stand where it is; `say` is told."""
    check_not_left(workspace)
    if line := settle(workspace.root):
        say(line)


def links(found: Standing, workspace: Workspace) -> tuple[str, str]:
    """What a browser should open for Prefect and for MLflow: the first lets it in, once; the second with its login."""
    page = found.mlflow_page.replace(HOST, found.name)
    if found.mlflow_asks:
        server, _, path = page.partition("/#/")
        page = f"{server.replace('://', f'://{mlflow_login(workspace.root)}@')}{ENTER}?page={quote(path)}"
    return entry_link(found.prefect_url.replace(HOST, found.name), auth_string(workspace.root)), page


def remember(workspace: Workspace, servers: Standing) -> None:
    """Tell other commands of this workspace where the servers are."""
    write_comfort(workspace.state / "up.json", readable(asdict(servers)).encode())


def forget(workspace: Workspace) -> None:
    """The servers are gone."""
    with suppress(OSError):
        (workspace.state / "up.json").unlink()


def answers(url: str) -> bool:
    """Whether an HTTP server answers there with success."""
    return status_at(url) == OK


def status_at(url: str, *, auth: str = "") -> int:
    """The status that an HTTP server answers there, to who has this auth string; SILENT when none does."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=basic(auth)), timeout=ANSWER_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code
    except (OSError, HTTPException, ValueError):
        return SILENT
