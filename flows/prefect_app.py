"""Prefect's server as we start it: `uvicorn --factory flows.prefect_app:create_app`.

It is Prefect's own app. Making it loads 2,000 modules and builds thousands of schemas, none of which is garbage;
without the collector looking for some, that takes a fifth less time.
"""

import gc
from typing import Any

from pipeline_lib.base.imports import collector_off

# The parts of Prefect's API that a night uses. FastAPI prepares each part when it looks there for the first time for
# what a request wants, and it looks in their order: with these in front a night waits for a third of them.
USED = ("/admin", "/csrf-token", "/flows", "/flow_runs", "/task_runs", "/artifacts", "/logs", "/events")


def create_app() -> Any:
    """The app of `prefect server start`."""
    with collector_off():
        from prefect.server.api import server

        server.API_ROUTERS = tuple(sorted(server.API_ROUTERS, key=lambda router: router.prefix not in USED))
        gc.freeze()  # making the app ends with a collection
        return server.create_app()
