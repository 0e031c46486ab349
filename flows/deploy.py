"""`nightshift deploy`: the work pool and deployments/prefect.yaml, with these settings as parameters."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from flows.console import ConsoleReporter
from flows.servers import POOL, answers, prefect_environment, standing
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.workspace import Workspace

PREFECT_FILE = Path(__file__).resolve().parent.parent / "deployments" / "prefect.yaml"
DEPLOY_SECONDS = 120


def deploy_all(settings: AllSettings) -> None:
    """Apply the deployments to the server that runs. Raises `UpstreamError` when no Prefect server answers."""
    api_url = _api_url(Workspace(settings.workspace.resolve()))
    names = apply_deployments(settings, api_url)
    ConsoleReporter().say(f"deployed {', '.join(names)} to {api_url.removesuffix('/api')}")


def apply_deployments(settings: AllSettings, api_url: str) -> list[str]:
    """Create the pool and apply the file there; the names of the deployments."""
    env = {
        **os.environ,
        **prefect_environment(Workspace(settings.workspace.resolve())),
        "PREFECT_API_URL": api_url,
        "NIGHTSHIFT_HOME": str(Path.cwd()),
    }
    tree = with_settings(yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8")), settings)
    _prefect(env, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prefect.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        _prefect(env, "--no-prompt", "deploy", "--all", "--prefect-file", str(path))
    return [deployment["name"] for deployment in tree["deployments"]]


def with_settings(tree: dict[str, Any], settings: AllSettings) -> dict[str, Any]:
    """The deployments with the resolved settings as a parameter; the workspace by its absolute path."""
    value = settings.model_copy(update={"workspace": settings.workspace.resolve()}).model_dump(mode="json")
    for deployment in tree["deployments"]:
        deployment["parameters"] = {**deployment.get("parameters", {}), "settings": value}
    return tree


def _api_url(workspace: Workspace) -> str:
    found = standing(workspace)
    url = f"{found.prefect_url}/api" if found else os.environ.get("PREFECT_API_URL", "")
    if not url or not answers(f"{url}/health"):
        raise UpstreamError(
            f"no Prefect server answers{f' at {url}' if url else ''}. Start one with nightshift up, "
            "or set PREFECT_API_URL to that of your server."
        )
    return url


def _prefect(env: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "prefect", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEPLOY_SECONDS, check=False)
    if done.returncode != 0:
        last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
        raise UpstreamError(
            f"prefect {' '.join(arguments[:3])} failed: {last[0] if last else 'no word'}. Run it again."
        )
