"""docker-compose.yml and the Dockerfile, as far as they can be judged without a Docker engine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_lib.scrub.key import KEY_FILE_VARIABLE, KEY_VARIABLE, load_key

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "deployments" / "docker"
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
TREE: dict[str, Any] = yaml.safe_load(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = TREE["services"]
BUILT = [name for name, service in SERVICES.items() if "build" in service]
SERVERS = [name for name, service in SERVICES.items() if service["restart"] != "no"]
# Stages of the Dockerfile by name: base image or stage, and the lines of it.
STAGES = {
    name: (source, body.splitlines())
    for source, name, body in re.findall(
        r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)",
        (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " "),
        flags=re.MULTILINE | re.DOTALL,
    )
}
SECRET = re.compile(r"PASSWORD|SECRET|ACCESS_KEY|_KEY$|TOKEN|AUTH_STRING")
FROM_ENVIRONMENT = re.compile(r"(?:nightshift:)?\$\{(\w+):\?run deployments/docker/make-env\.sh\}")


def test_the_compose_file_keeps_to_the_compose_schema() -> None:
    assert _schema_check(ROOT / "docker-compose.yml").returncode == 0


def test_the_schema_check_notices_a_mistyped_key(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.replace("stop_grace_period", "stop_grace_perod", 1), encoding="utf-8")
    assert _schema_check(wrong).returncode == 1


def test_all_services_of_the_team_are_there() -> None:
    assert sorted(SERVERS) == ["mlflow", "postgres", "prefect-server", "storage", "worker", "worker-gpu"]
    assert sorted(set(SERVICES) - set(SERVERS)) == ["create-bucket", "deploy"]


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_has_a_health_check_and_comes_back(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD" and {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped" and "stop_grace_period" in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_can_come_true(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_healthy" if needed in SERVERS else "service_completed_successfully"
        assert needed in SERVICES and how["condition"] == expected


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_is_pinned_to_a_version(name: str) -> None:
    repository, tag = SERVICES[name]["image"].partition("@")[0].split(":")
    assert re.match(r"\d+\.\d+", tag), f"{repository}:{tag}"


def test_our_images_carry_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {SERVICES[name]["image"].split(":")[1].removesuffix("-cuda") for name in BUILT} == {version}


@pytest.mark.parametrize("name", BUILT)
def test_what_we_build_runs_with_an_init_and_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert (service["init"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["build"]["target"] in STAGES


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_the_environment_or_stop_the_start(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(variable) or variable == "PGPASSWORD":
            assert FROM_ENVIRONMENT.fullmatch(value), variable


def test_no_address_carries_a_password() -> None:
    assert re.findall(r"://[^/\s:]+:[^/\s@]+@", COMPOSE) == []


def test_only_the_workers_have_the_key_of_the_pseudonyms_and_only_as_a_file_of_theirs() -> None:
    """In an environment each process would have it, and whoever looks at the container."""
    assert [name for name, service in SERVICES.items() if KEY_VARIABLE in service.get("environment", {})] == []
    having = {name: service["secrets"] for name, service in SERVICES.items() if "secrets" in service}
    assert sorted(having) == ["worker", "worker-gpu"]
    uid = re.search(r"useradd --uid (\d+)", (DOCKER / "Dockerfile").read_text(encoding="utf-8"))
    assert uid is not None
    for name, (secret,) in having.items():
        assert (secret["uid"], secret["gid"], int(str(secret["mode"]), 8)) == (uid[1], uid[1], 0o400)
        assert SERVICES[name]["environment"][KEY_FILE_VARIABLE] == secret["target"]
        assert TREE["secrets"][secret["source"]] == {"environment": KEY_VARIABLE}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_this_host_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_each_volume_is_declared_and_each_mounted_file_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":/")[0]
        is_there = (ROOT / source).exists() if source.startswith("./") else source in TREE["volumes"]
        assert is_there or source == "${NIGHTSHIFT_DOCUMENTS:-./documents}"


def test_the_gpu_worker_starts_only_when_asked_for_and_has_cuda() -> None:
    gpu = SERVICES["worker-gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert gpu["profiles"] == ["gpu"] and device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
    assert gpu["build"]["args"]["TORCH_INDEX"].endswith("/cu130")
    assert gpu["image"] != SERVICES["worker"]["image"]


def test_make_env_writes_every_secret_once_and_for_the_owner_only(tmp_path: Path) -> None:
    assert _make_env(tmp_path).returncode == 0
    written = dict(line.split("=") for line in (tmp_path / ".env").read_text(encoding="ascii").splitlines())
    assert set(written) == {*FROM_ENVIRONMENT.findall(COMPOSE), KEY_VARIABLE}
    assert len(set(written.values())) == len(written) and min(map(len, written.values())) == 20
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert len(load_key(written, None, None).secret) == 32


def test_make_env_never_replaces_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=mine\n", encoding="ascii")
    done = _make_env(tmp_path)
    assert done.returncode == 1 and "Nothing was changed" in done.stderr
    assert (tmp_path / ".env").read_text(encoding="ascii") == "POSTGRES_PASSWORD=mine\n"


def test_the_database_script_stops_without_its_passwords() -> None:
    done = subprocess.run(
        ["sh", DOCKER / "postgres-init.sh"],
        env={"PREFECT_DB_PASSWORD": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "MLFLOW_DB_PASSWORD" in done.stderr


@pytest.mark.parametrize("target", ["prefect", "mlflow", "nightshift"])
def test_an_image_runs_as_a_user_without_rights_and_checks_its_health(target: str) -> None:
    source, lines = STAGES[target]
    assert source == "base" and "USER nightshift" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert not any(line.startswith("RUN") for line in lines), "what installs stays in the stages before"


def test_images_start_from_the_python_of_the_project() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?$", text, flags=re.MULTILINE)
    assert {source for source, _ in STAGES.values()} <= {"${PYTHON_IMAGE}", *STAGES}


def test_everything_an_image_installs_is_held_by_the_lock() -> None:
    """By hash, but for torch, which an index of the user's choice brings, by its version; and our own code."""
    installs = [line for _, lines in STAGES.values() for line in lines if "pip install" in line]
    assert len(installs) == 5
    by_hash = "pip install --require-hashes --no-deps --only-binary :all: --requirement needed.txt"
    torch, own = [line for line in installs if by_hash not in line]
    assert "--constraint constraints.txt" in torch and torch.endswith(" torch")
    assert own == "RUN pip install --no-deps --no-build-isolation ."


def test_an_image_finds_its_part_of_the_lock_with_what_it_has_by_then(tmp_path: Path) -> None:
    (tmp_path / "deployments").mkdir()
    for name in ("lock.txt", "constraints.txt", "pyproject.toml", "deployments/lock.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    asked = re.findall(
        r"RUN python (deployments/lock\.py [\w ]+) > needed\.txt", (DOCKER / "Dockerfile").read_text("utf-8")
    )
    needed = [
        subprocess.run(
            [sys.executable, *words.split()], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for words in asked
    ]
    assert asked == [f"deployments/lock.py {part}" for part in ("only prefect", "only mlflow", "project")]
    assert ["\nfastapi==" in part and "\npytest==" not in part for part in needed] == [True, True, True]


def test_images_are_made_only_of_what_dockerignore_lets_through() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source.split("/")[0]
        for _, lines in STAGES.values()
        for line in lines
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    }
    assert "*" in rules and copied == let_through
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("server", ["prefect", "mlflow"])
def test_the_image_of_a_server_has_all_that_our_doors_are_made_of(tmp_path: Path, server: str) -> None:
    """Its own code, without the rest of the project: nothing of it may import more."""
    _copy_of(server, tmp_path)
    done = _in_image(tmp_path, f"import flows.{server}_app as app; print(app.__file__)")
    assert done.stdout.strip() == str(tmp_path / "flows" / f"{server}_app.py"), done.stderr


def test_the_image_of_mlflow_finds_our_doors_by_their_name(tmp_path: Path) -> None:
    _copy_of("mlflow", tmp_path)
    (name,) = [
        word.partition("=")[2] for word in TREE["services"]["mlflow"]["command"] if word.startswith("--app-name")
    ]
    look = "from importlib.metadata import distribution; print(*distribution('nightshift-doors').entry_points)"
    done = _in_image(tmp_path, look)
    assert f"name={name!r}, value='flows.mlflow_app:create_app', group='mlflow.app'" in done.stdout, done.stderr


def _copy_of(target: str, folder: Path) -> None:
    """What the image gets of the project."""
    _, lines = STAGES[target]
    for line in lines:
        if line.startswith("COPY ") and "--from=" not in line and "/opt/nightshift/" in line:
            *sources, place = line.split()[1:]
            into = folder / place.removeprefix("/opt/nightshift/")
            for source in (ROOT / name for name in sources):
                shutil.copytree(source, into) if source.is_dir() else shutil.copy(source, _made(into))


def _in_image(folder: Path, program: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_no_image_holds_a_secret() -> None:
    lines = [line for _, body in STAGES.values() for line in body if line.startswith(("ENV", "ARG"))]
    assert lines and [line for line in lines if re.search(r"PASSWORD|SECRET|_KEY|TOKEN", line)] == []


def _schema_check(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _make_env(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", DOCKER / "make-env.sh"], cwd=folder, capture_output=True, text=True, check=False)
