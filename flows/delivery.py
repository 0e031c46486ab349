"""What nights could not show, told to servers that answer again: `nightshift run` and `up` do it."""

from collections.abc import Callable
from contextlib import suppress

from flows.access import auth_string
from flows.asked import ODD_ANSWERS, Asked
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.model import curves
from pipeline_lib.model.tracking import place_of
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import Workspace
from tasks import delivery
from tasks.runtime import PREFECT

DELIVERY_SECONDS = 20.0  # for all parcels, of a server that answers
GREETING_SECONDS = 2.0  # for it to answer


def deliver_all(settings: Settings, workspace: Workspace, api_url: str, say: Callable[[str], None]) -> int:
    """Tell Prefect and MLflow what is kept for them; `say` hears what they took. How many runs Prefect was told of."""
    runs = deliver(workspace, api_url)
    if runs:
        say(f"told Prefect how {runs} earlier run{'s' if runs > 1 else ''} went")
    place = place_of(settings.of(RegisterSettings).tracking_uri, workspace.root)
    if trainings := curves.deliver(workspace.root, place):
        say(curves.said(trainings))
    return runs


def deliver(workspace: Workspace, api_url: str) -> int:
    """Tell the server all that is kept for it; how many parcels it took. One that fails costs its greeting."""
    outbox, told = Outbox(workspace.root, PREFECT), list[bool]()
    if not outbox.is_empty():
        with suppress(*ODD_ANSWERS):
            delivery.tell_all(outbox, _greeted(workspace, api_url).send, lambda: told.append(True))
    return len(told)


def close_lost(workspace: Workspace, api_url: str) -> bool:
    """See `delivery.close_lost`; whether that is done."""
    with suppress(*ODD_ANSWERS):
        return delivery.close_lost(_greeted(workspace, api_url).send)
    return False


def close_abandoned(workspace: Workspace, api_url: str) -> None:
    """Where no night is at work, show runs that are open as crashed: those that had begun are told by their records,
    before; these lost the server when they began."""
    with suppress(*ODD_ANSWERS, WorkspaceBusy), workspace.lock():
        delivery.close_abandoned(_greeted(workspace, api_url).send)


def _greeted(workspace: Workspace, api_url: str) -> Asked:
    asked = Asked(api_url, auth_string(workspace.root), seconds=GREETING_SECONDS)
    asked.take_token()
    return asked.for_longer(DELIVERY_SECONDS)
