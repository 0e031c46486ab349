"""The deployments, the settings files that come with them, and the two scripts of the images."""

import importlib
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from cronsim import CronSim

from deployments.docker.create_bucket import create_bucket
from flows.deploy import apply_deployments, with_settings
from flows.servers import POOL, WORK
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.stages import AllSettings as Settings
from pipeline_lib.stages import resolve

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ROOT / "deployments"
CONFIGS = sorted((DEPLOYMENTS / "configs").glob("*.toml"))
NAMES = ["nightly", "refresh", "retrain", "maintenance", "approval", "promote", "rollback"]


@pytest.fixture(scope="module")
def prefect_file() -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "prefect.yaml").read_text(encoding="utf-8"))
    return tree


@pytest.fixture(scope="module")
def nightly(prefect_file: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = prefect_file["deployments"][0]
    return found


def test_all_deployments_are_there(prefect_file: dict[str, Any]) -> None:
    assert [deployment["name"] for deployment in prefect_file["deployments"]] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_deployment_runs_the_flow_of_its_name_which_takes_settings(
    prefect_file: dict[str, Any], name: str
) -> None:
    deployment = prefect_file["deployments"][NAMES.index(name)]
    module, function = deployment["entrypoint"].rsplit(".", 1)
    flow = getattr(importlib.import_module(module), function)
    assert (flow.name, deployment["entrypoint"]) == (name, f"flows.{name}.{name}")
    assert "settings" in flow.parameters.properties


def test_nightly_starts_at_two_in_the_zone_it_names(nightly: dict[str, Any]) -> None:
    (schedule,) = nightly["schedules"]
    now = datetime(2026, 1, 31, 2, 0, tzinfo=ZoneInfo(schedule["timezone"]))
    assert next(CronSim(schedule["cron"], now)) == datetime(2026, 2, 1, 2, 0, tzinfo=ZoneInfo(schedule["timezone"]))


def test_nightly_keeps_its_schedule_when_it_is_applied_again(nightly: dict[str, Any]) -> None:
    assert nightly["schedules"][0]["slug"] == "every-night"
    assert nightly["schedules"][0]["active"] is True


def test_the_schedule_of_the_settings_is_that_of_the_deployments(prefect_file: dict[str, Any]) -> None:
    given = [("schedule.cron", "30 4 * * mon-fri"), ("schedule.time_zone", "Asia/Shanghai")]
    tree = with_settings(deepcopy(prefect_file), resolve(None, {}, given).settings)  # type: ignore[arg-type]
    (schedule,) = tree["deployments"][0]["schedules"]
    assert (schedule["cron"], schedule["timezone"], schedule["active"]) == ("30 4 * * mon-fri", "Asia/Shanghai", True)
    zones = {found["timezone"] for deployment in tree["deployments"] for found in deployment.get("schedules", [])}
    assert zones == {"Asia/Shanghai"}


def test_what_the_file_says_is_the_default_of_the_settings(prefect_file: dict[str, Any]) -> None:
    """Who applies it with Prefect's own command gets the same."""
    tree = with_settings(deepcopy(prefect_file), Settings())  # type: ignore[arg-type]
    assert tree["deployments"][0]["schedules"] == prefect_file["deployments"][0]["schedules"]


def test_no_night_starts_by_itself_where_cron_is_none(prefect_file: dict[str, Any]) -> None:
    """The schedule stays, switched off: an earlier one would go on otherwise."""
    tree = with_settings(deepcopy(prefect_file), resolve(None, {}, [("schedule.cron", "none")]).settings)  # type: ignore[arg-type]
    assert [found["active"] for found in tree["deployments"][0]["schedules"]] == [False]


def test_a_server_that_takes_too_long_ends_it_with_a_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("flows.deploy.DEPLOY_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        env = {**os.environ, "PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": url}
        with pytest.raises(UpstreamError, match=r"work-pool create .* did not end within 0.5 s\. .*Run it again"):
            apply_deployments(Settings(), env)


def test_a_second_night_is_cancelled_not_queued(nightly: dict[str, Any]) -> None:
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


def test_no_worker_lets_a_second_night_queue() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    commands = [
        *WORK,
        *compose["services"]["worker"]["command"],
        (DEPLOYMENTS / "docker" / "Dockerfile").read_text("utf-8"),
    ]
    assert not any("--limit" in command for command in commands)


def test_no_code_is_pulled_and_no_folder_of_the_deployer_is_kept(prefect_file: dict[str, Any]) -> None:
    assert [prefect_file[step] for step in ("build", "push", "pull")] == [[], [], []]


def test_all_deployments_go_to_the_pool_that_the_worker_serves(prefect_file: dict[str, Any]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert {deployment["work_pool"]["name"] for deployment in prefect_file["deployments"]} == {POOL}
    assert compose["services"]["worker"]["command"][:2] == ["nightshift", "worker"]
    assert WORK[WORK.index("--pool") + 1] == POOL


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_settings_file_is_named_after_its_profile_and_valid(path: Path) -> None:
    assert resolve(path, {}, ()).settings.profile == path.stem


def test_the_demo_is_what_the_defaults_are() -> None:
    assert resolve(DEPLOYMENTS / "configs" / "demo.toml", {}, ()).settings == Settings()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_line_of_a_settings_file_differs_from_the_default(path: Path) -> None:
    defaults = dict(_leaves(Settings().model_dump(mode="json")))
    written = dict(_leaves(tomllib.loads(path.read_text(encoding="utf-8"))))
    same = [name for name, value in written.items() if defaults[name] == value and name != "profile"]
    assert same == []


def test_profiles_keep_to_workspaces_of_their_own() -> None:
    workspaces = [resolve(path, {}, ()).settings.workspace for path in CONFIGS]
    assert len(set(workspaces)) == len(CONFIGS) == 3


def test_the_cluster_uses_the_places_of_the_compose_file() -> None:
    settings = resolve(DEPLOYMENTS / "configs" / "cluster.toml", {}, ()).settings
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    mounted = [volume.split(":")[-2 if volume.endswith(":ro") else -1] for volume in services["worker"]["volumes"]]
    assert [str(settings.workspace), str(settings.ingest.sources[0].path)] == mounted
    assert settings.register.tracking_uri == "http://mlflow:5000"
    assert "--allowed-hosts=mlflow:5000,localhost:*,127.0.0.1:*" in services["mlflow"]["command"]


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("path", "status"), [("/health", 0), ("/starting", 1)])
def test_a_container_is_healthy_only_while_its_server_answers_200(address: str, path: str, status: int) -> None:
    assert _healthy(f"{address}{path}") == status


def test_a_container_without_a_listening_server_is_unhealthy() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert _healthy(f"http://127.0.0.1:{bound.getsockname()[1]}/health") == 1


class _Store:
    """An S3 client that knows buckets by name."""

    class exceptions:
        class BucketAlreadyOwnedByYou(Exception): ...

        class BucketAlreadyExists(Exception): ...

    def __init__(self) -> None:
        self.buckets: list[str] = []

    def create_bucket(self, *, Bucket: str) -> None:
        if Bucket == "Not A Name":
            raise ValueError("InvalidBucketName")
        if Bucket in self.buckets:
            raise self.exceptions.BucketAlreadyOwnedByYou
        self.buckets.append(Bucket)


def test_the_bucket_is_made_once_and_then_left_alone() -> None:
    store = _Store()
    assert [create_bucket(store, "mlflow"), create_bucket(store, "mlflow")] == [True, False]
    assert store.buckets == ["mlflow"]


def test_a_bucket_that_cannot_be_made_is_an_error() -> None:
    with pytest.raises(ValueError, match="InvalidBucketName"):
        create_bucket(_Store(), "Not A Name")


def _healthy(url: str) -> int:
    return subprocess.run([sys.executable, DEPLOYMENTS / "docker" / "healthy.py", url], check=False).returncode


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
