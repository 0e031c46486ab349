"""Old flow runs in the workspace's own Prefect database, with their tasks, logs and artifacts: counted, and removed.

Prefect's API removes runs one by one and leaves their logs, and a server takes seconds to start. So its own vacuum does
it, in a child process, on the database: what its server runs by itself where somebody switches that on. A server of
somebody's own is left alone. Light to import: no Prefect.

    python -m flows.prefect_runs       in the child: vacuums the database that PREFECT_ variables name
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.servers import DATABASE, prefect_home
from pipeline_lib.store.workspace import Workspace

VACUUM_SECONDS = 600
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
OLD_RUNS = """
    select count(*) from flow_run where parent_task_run_id is null and end_time < ? and state_type in (?, ?, ?, ?)
"""


def old_runs(workspace: Workspace, keep_days: float) -> int:
    """How many runs ended more than `keep_days` ago; 0 where there is no database, or it cannot be read now."""
    path = _database(workspace)
    before = (datetime.now(UTC) - timedelta(days=keep_days)).strftime("%Y-%m-%d %H:%M:%S.%f")
    if not path.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as database:
            return int(database.execute(OLD_RUNS, (before, *ENDED)).fetchone()[0])
    except sqlite3.Error:
        return 0


def forget_old_runs(workspace: Workspace, keep_days: float, say: Callable[[str], None]) -> int:
    """Remove those runs; how many went. What stands in the way is said, and is no error: they show nights, no more."""
    count = old_runs(workspace, keep_days)
    if count == 0:
        return 0
    retention = {"PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(round(keep_days * 86_400))}
    env = {**os.environ, **prefect_home(workspace), **retention}
    command = [sys.executable, "-m", "flows.prefect_runs"]
    try:
        subprocess.run(command, env=env, capture_output=True, check=True, timeout=VACUUM_SECONDS)
    except (OSError, subprocess.SubprocessError) as exc:
        say(f"old runs stay in Prefect's database: its vacuum did not end well ({type(exc).__name__})")
    return count - old_runs(workspace, keep_days)


def _database(workspace: Workspace) -> Path:
    return workspace.root / "prefect" / DATABASE


async def _vacuum() -> None:
    from prefect.server.database import provide_database_interface
    from prefect.server.services import db_vacuum

    db = provide_database_interface()
    await db_vacuum.vacuum_old_flow_runs(db=db)
    await db_vacuum.vacuum_orphaned_logs(db=db)
    await db_vacuum.vacuum_orphaned_artifacts(db=db)
    await db_vacuum.vacuum_stale_artifact_collections(db=db)


if __name__ == "__main__":
    asyncio.run(_vacuum())
