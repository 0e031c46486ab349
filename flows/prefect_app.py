"""Prefect's server as we start it: `uvicorn --factory flows.prefect_app:create_app`.

It is Prefect's own app. Making it loads 2,000 modules and builds thousands of schemas, none of which is garbage;
without the collector looking for some, that takes a fifth less time.
"""

from typing import Any

from pipeline_lib.imports import collector_off


def create_app() -> Any:
    """The app of `prefect server start`."""
    with collector_off():
        from prefect.server.api.server import create_app

        return create_app()
