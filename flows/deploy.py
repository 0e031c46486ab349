"""`nightshift deploy`: the work pool and deployments/prefect.yaml, with these settings as parameters."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from flows.access import ENTER, entry_link
from flows.console import ConsoleReporter
from flows.servers import EVERY_NIGHT, POOL, prefect_environment, prefect_home
from flows.standing import answers, standing_open
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.files import is_full, no_space
from pipeline_lib.store.workspace import Workspace

PREFECT_FILE = Path(__file__).resolve().parent.parent / "deployments" / "prefect.yaml"
DEPLOY_SECONDS = 300  # each of Prefect's two commands; some seconds where nothing else runs
SHOWN_VARIABLE = "NIGHTSHIFT_PREFECT_URL"  # where a browser finds Prefect, when that is not where we do


def deploy_all(settings: AllSettings) -> None:
    """Apply the deployments to the server that runs. Raises `UpstreamError` when no Prefect server answers."""
    env = _environment(Workspace(settings.workspace.resolve()))
    names = apply_deployments(settings, env)
    reporter, url = ConsoleReporter(), env["PREFECT_API_URL"].removesuffix("/api")
    reporter.say(f"deployed {', '.join(names)} to {url}")
    auth = env.get("PREFECT_API_AUTH_STRING")
    if auth and answers(f"{url}{ENTER}"):  # our doors stand before it
        shown = env.get(SHOWN_VARIABLE, url)
        reporter.console.print(f"Prefect  {entry_link(shown, auth)}  lets one browser in", soft_wrap=True)


def apply_deployments(settings: AllSettings, env: Mapping[str, str]) -> list[str]:
    """Create the pool and apply the file on the server that `env` names; the names of the deployments."""
    tree = with_settings(yaml.safe_load(PREFECT_FILE.read_text(encoding="utf-8")), settings)
    with tempfile.TemporaryDirectory() as folder:
        template, path = Path(folder) / "pool.json", Path(folder) / "prefect.yaml"
        template.write_text(json.dumps(job_template(Path.cwd())), encoding="utf-8")
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        pool = [POOL, "--type", "process", "--base-job-template", str(template), "--overwrite"]
        _prefect(env, "work-pool", "create", *pool)
        _prefect(env, "--no-prompt", "deploy", "--all", "--prefect-file", str(path))
    return [deployment["name"] for deployment in tree["deployments"]]


def job_template(home: Path) -> dict[str, Any]:
    """What a run in our pool may say of its job: its name, and whether the worker shows what it prints.

    Prefect's own template lets each run name a command, an environment and a folder; the worker would obey. Relative
    paths of the settings start at `home`.
    """
    return {
        "job_configuration": {
            "name": "{{ name }}",
            "stream_output": "{{ stream_output }}",
            "working_dir": str(home),
        },
        "variables": {
            "type": "object",
            "properties": {
                "name": {"title": "Name", "type": "string", "description": "Name of the process of a run."},
                "stream_output": {
                    "title": "Stream Output",
                    "type": "boolean",
                    "default": True,
                    "description": "Whether the worker's output shows what a run prints.",
                },
            },
            "additionalProperties": False,
        },
    }


def with_settings(tree: dict[str, Any], settings: AllSettings) -> dict[str, Any]:
    """The deployments with the resolved settings as a parameter, the workspace by its absolute path; and with the
    schedule of the settings: the time zone for all that start by themselves, the time for the night."""
    value = settings.model_copy(update={"workspace": settings.workspace.resolve()}).model_dump(mode="json")
    wanted = settings.schedule
    for deployment in tree["deployments"]:
        deployment["parameters"] = {**deployment.get("parameters", {}), "settings": value}
        for schedule in deployment.get("schedules", []):
            schedule["timezone"] = wanted.time_zone
            if schedule["slug"] == EVERY_NIGHT and wanted.cron is not None:
                schedule["cron"] = wanted.cron
            elif schedule["slug"] == EVERY_NIGHT:
                schedule["active"] = False
    return tree


def _environment(workspace: Workspace) -> dict[str, str]:
    """What leads to the server of a running `nightshift up`, else to the user's own."""
    found = standing_open(workspace)
    if found is not None:
        return {**os.environ, **prefect_environment(workspace), "PREFECT_API_URL": f"{found.prefect_url}/api"}
    url = os.environ.get("PREFECT_API_URL", "")
    if not url or not answers(f"{url}/health"):
        raise UpstreamError(
            f"no Prefect server answers{f' at {url}' if url else ''}. Start one with nightshift up, "
            "or set PREFECT_API_URL to that of your server."
        )
    return {**os.environ, **prefect_home(workspace)}


def _prefect(env: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "prefect", *arguments]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEPLOY_SECONDS, check=False)
    except subprocess.TimeoutExpired as exc:
        raise UpstreamError(
            f"prefect {' '.join(arguments[:3])} did not end within {DEPLOY_SECONDS} s. The machine is busy, or the "
            "Prefect server hangs. Run it again."
        ) from exc
    if done.returncode != 0:
        home = Path(env["PREFECT_HOME"])
        if is_full(home):
            raise no_space(home)
        last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
        raise UpstreamError(
            f"prefect {' '.join(arguments[:3])} failed: {last[0] if last else 'no word'}. Run it again."
        )
