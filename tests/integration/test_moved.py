"""Workspaces that move, with real stores of MLflow and Prefect, at paths with all that a path may hold."""

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from flows.access import basic, mlflow_login
from flows.launch import settle_in
from flows.servers import prefect_environment, start_mlflow, start_prefect
from flows.standing import Standing, remember, standing
from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.model.tracking import connect, open_experiment, place_of
from pipeline_lib.register.glance import stands
from pipeline_lib.register.opened import is_intact, opened
from pipeline_lib.register.package import DIGESTS_FILE
from pipeline_lib.register.registry import Registry, Upload, add_version, upload_package
from pipeline_lib.register.signing import sign_package
from pipeline_lib.store.addresses import MLFLOW
from pipeline_lib.store.home import settle
from pipeline_lib.store.sealed import seal
from pipeline_lib.store.workspace import Workspace
from tests.answering import answering
from tests.servers_up import answered

ODD = ["night shift #1 100% a%20b 夜班", "night shift #1? 100% a%20b 夜班"]  # a `?` makes another address
WAITING_RUN = """
import json, sys
from prefect.client.orchestration import get_client
from prefect.states import Scheduled
with get_client(sync_client=True) as client:
    if len(sys.argv) > 1:
        flow = client.create_flow_from_name("nightly")
        told = {"settings": {"workspace": sys.argv[1]}}
        made = client.create_deployment(flow, name="nightly", parameters=told)
        client.create_flow_run_from_deployment(made, parameters=told, state=Scheduled())
    found = [*client.read_deployments(), *client.read_flow_runs()]
print(json.dumps([one.parameters["settings"]["workspace"] for one in found]))
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which nothing may be left."""
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def registry_in(root: Path) -> Registry:
    return Registry(place_of(None, root), "tiny", root / "state" / "promotions", root)


def register(root: Path) -> Registry:
    """A workspace with a version in MLflow, made of a package that could be one, and a data set of a user's own."""
    registry = registry_in(root)
    registry.folder.mkdir(parents=True)
    package = root / "work" / "package"
    package.mkdir(parents=True)
    (package / "weights 夜 #1.txt").write_text("of a model", encoding="utf-8")
    client = connect(registry.place)
    from mlflow.entities import Dataset, DatasetInput

    experiment_id = open_experiment(client, registry.place, "nights")
    run_id = client.create_run(experiment_id).info.run_id
    client.log_text(run_id, "seen", "note.txt")
    source = json.dumps({"uri": str(root / "exported.parquet")})
    client.log_inputs(run_id, [DatasetInput(Dataset("mine", "1", "local", source), [])])
    digest = seal(package, DIGESTS_FILE)
    key = sign_package(registry, package, digest, {}).line
    upload = Upload(package, digest, key, experiment_id, run_id, {}, "a card")
    add_version(client, registry, upload, upload_package(client, registry, upload))
    assert settle(root) == ""
    return registry


def texts_with(database: Path, part: str) -> list[str]:
    """The columns of any table in which it stands."""
    with closing(sqlite3.connect(database)) as opened:
        tables = [name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")]
        rows = [
            (table, dict(zip([of[0] for of in cursor.description], row, strict=True)))
            for table in tables
            for cursor in [opened.execute(f"select * from {table}")]
            for row in cursor
        ]
    return sorted({f"{table}.{name}" for table, row in rows for name, text in row.items() if part in str(text)})


@pytest.mark.parametrize("name", ODD)
def test_mlflow_works_at_any_path(tmp_path: Path, elsewhere: Path, name: str) -> None:
    root = tmp_path / name
    registry = register(root)
    assert registry.place.is_local
    assert registry.place.database == root / MLFLOW
    assert stands(registry.place, "tiny", 1)
    with opened(registry, 1) as package:
        assert package.folder.is_relative_to(root / "mlartifacts")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([elsewhere.name, name])
    assert {path.name for path in elsewhere.iterdir()} <= {"mlruns"}  # where MLflow has its own experiment


def test_all_that_mlflow_holds_of_the_old_path_follows(tmp_path: Path) -> None:
    root = tmp_path / "first"
    register(root)
    assert texts_with(root / MLFLOW, str(root)) == [
        "datasets.dataset_source",
        "experiments.artifact_location",
        "logged_models.artifact_location",
        "model_versions.storage_location",
        "runs.artifact_uri",
    ]
    new = root.rename(tmp_path / ODD[-1])
    assert is_intact(registry_in(new), 1), "also before it has settled"
    assert "was moved here" in settle(new)
    assert texts_with(new / MLFLOW, str(root)) == []
    assert is_intact(registry_in(new), 1)
    assert not root.exists()


def test_mlflows_server_shows_the_files_of_a_moved_workspace(tmp_path: Path) -> None:
    """Also its database of users lies there."""
    register(tmp_path / "first")
    root = (tmp_path / "first").rename(tmp_path / ODD[-1])
    settle(root)
    place = place_of(None, root)
    (run,) = connect(place).search_runs([open_experiment(connect(place), place, "nights")])
    workspace = Workspace(root)
    with answered(start_mlflow(workspace, place.uri, asks=True)) as server:
        page = f"{server.url}/get-artifact?run_uuid={run.info.run_id}&path=note.txt"
        asked = urllib.request.Request(page, headers=basic(mlflow_login(root)))
        assert urllib.request.urlopen(asked, timeout=30).read() == b"seen"


def test_a_run_that_waits_in_prefect_works_in_the_moved_workspace(tmp_path: Path) -> None:
    """Of deployments and runs a worker takes the workspace that they were given; else it works in the original."""

    def told(workspace: Workspace, *words: str) -> list[str]:
        with answered(start_prefect(workspace, print)) as server:
            env = {**os.environ, **prefect_environment(workspace), "PREFECT_API_URL": f"{server.url}/api"}
            command = [sys.executable, "-c", WAITING_RUN, *words]
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
        answer: list[str] = json.loads(done.stdout)
        return answer

    first = tmp_path / "first"
    assert told(Workspace(first), str(first)) == [str(first)] * 2
    (first / "state").mkdir()
    settle(first)
    root = first.rename(tmp_path / ODD[-1])
    settle(root)
    assert told(Workspace(root)) == [str(root)] * 2


@pytest.fixture
def healthy() -> Iterator[str]:
    """The address of a server that answers."""
    with answering() as address:
        yield address


def up_at(workspace: Workspace, url: str) -> None:
    """`nightshift up` runs there: this process."""
    workspace.state.mkdir(parents=True)
    us = os.getpid(), psutil.Process().create_time()
    remember(workspace, Standing(*us, url, url, url, root=str(workspace.root)))


def test_a_copy_does_not_use_the_servers_of_its_original(tmp_path: Path, healthy: str) -> None:
    first = Workspace(tmp_path / "first")
    up_at(first, healthy)
    settle(first.root)
    copy = Workspace(tmp_path / "copy")
    subprocess.run(["cp", "-a", first.root, copy.root], check=True)
    said: list[str] = []
    settle_in(copy, said.append)
    assert ["second copy" in line for line in said] == [True]
    assert standing(first) is not None
    assert standing(copy) is None


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", "y" * 5000])
def test_servers_of_what_is_no_path_are_nobodys(tmp_path: Path, healthy: str, odd: str) -> None:
    workspace = Workspace(tmp_path)
    up_at(workspace, healthy)
    record = workspace.state / "up.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "root": odd}))
    assert standing(workspace) is None


def test_a_workspace_is_not_moved_away_from_its_servers(tmp_path: Path, healthy: str) -> None:
    first = Workspace(tmp_path / "first")
    up_at(first, healthy)
    settle(first.root)
    moved = Workspace(first.root.rename(tmp_path / "moved"))
    with pytest.raises(WorkspaceBusy, match=rf"while nightshift up ran at {first.root} \(process {os.getpid()}\)"):
        settle_in(moved, print)
    (moved.state / "up.json").unlink()  # as it does when it is stopped
    said: list[str] = []
    settle_in(moved, said.append)
    assert ["was moved here" in line for line in said] == [True]
