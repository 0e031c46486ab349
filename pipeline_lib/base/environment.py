"""What libraries read from the environment when they are loaded: it has to stand there before. What a user set stays.

NO_TELEMETRY   what they would tell their makers of who uses them, and how, is switched off. ONNX Runtime's builds of
               2026 send an event for each session with the shape of its model, and keep an id of the machine in the
               user's cache (its Privacy.md); MLflow, Prefect and the hub's client count their users
caches         torch compiles into a folder for all users' temporary files
log levels     MLflow announces a new database table by table
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

NO_TELEMETRY: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def prepare() -> None:
    """For this process, and all that it starts."""
    caches = {"TORCHINDUCTOR_CACHE_DIR": str(cache_folder() / "torchinductor")}
    for name, value in {**NO_TELEMETRY, **caches, "MLFLOW_LOGGING_LEVEL": "WARNING"}.items():
        os.environ.setdefault(name, value)


def cache_folder() -> Path:
    """Where a user's programs keep what can be made again: our part of it. Who has no home has it among the temporary
    files."""
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(named) if named else Path.home() / ".cache") / "nightshift"
    except RuntimeError:  # a user id that nobody knows, as containers have
        return Path(tempfile.gettempdir()) / f"nightshift-{os.getuid()}"
