"""Prefect's server as we start it: `uvicorn --factory flows.prefect_app:create_app`.

It is Prefect's own app behind our doors (`flows/doors.py`). Making it loads 2,000 modules and builds thousands of
schemas, none of which is garbage; without the collector looking for some, that takes a fifth less time.
"""

import gc
import os
from pathlib import Path
from urllib.parse import urlsplit

from flows.access import HOSTS_VARIABLE
from flows.doors import LOOPBACK, App, PrefectDoors
from flows.pages import Pages
from flows.prefect_database import VARIABLE as DATABASE_VARIABLE
from flows.prefect_database import prepare
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.imports import collector_off
from pipeline_lib.store.records import REPORTS_FOLDER

# The parts of Prefect's API that a night uses. FastAPI prepares each part when it looks there for the first time for
# what a request wants, and it looks in their order: with these in front a night waits for a third of them.
USED = ("/admin", "/csrf-token", "/flows", "/flow_runs", "/task_runs", "/artifacts", "/logs", "/events")


def create_app() -> PrefectDoors:
    """The app of `prefect server start`, behind the doors. Raises `SettingsError` where nobody would be asked."""
    auth = os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")
    if not auth:
        raise SettingsError(
            "this Prefect server would let everybody in, and who is in can run commands. Set "
            "PREFECT_SERVER_API_AUTH_STRING to a secret, and PREFECT_API_AUTH_STRING to the same for its clients."
        )
    with collector_off():
        from prefect.server.api import server

        if database := os.environ.get(DATABASE_VARIABLE):
            prepare(Path(database))
        server.API_ROUTERS = tuple(sorted(server.API_ROUTERS, key=lambda router: router.prefix not in USED))
        gc.freeze()  # making the app ends with a collection
        hosts = os.environ.get(HOSTS_VARIABLE, "").split(",")
        name = urlsplit(os.environ.get("PREFECT_UI_API_URL", "")).hostname or LOOPBACK[0]
        app: App = server.create_app()
        if database:
            app = Pages(app, auth=auth, folder=Path(database).parents[1] / REPORTS_FOLDER)
        return PrefectDoors(app, auth=auth, hosts=hosts, name=name)
