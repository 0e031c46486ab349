"""Nightshift as a package: what `uv tool install` and pipx install needs no checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tiny_night import KEY

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel of this checkout installs, built by what the lock brought."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*build, "--wheel-dir", folder, ROOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("nightshift-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_the_schedule_and_the_settings_files_travel_in_the_package(installed: Path) -> None:
    for name in ("prefect.yaml", "configs/demo.toml", "configs/small.toml", "configs/cluster.toml"):
        assert (installed / "deployments" / name).read_bytes() == (ROOT / "deployments" / name).read_bytes()


def test_the_versions_of_the_lock_travel_for_doctor_to_compare_with(installed: Path, tmp_path: Path) -> None:
    code = "from flows.doctor.machine import _pinned; print(len(_pinned()))"
    assert (installed / "deployments" / "constraints.txt").read_bytes() == (ROOT / "constraints.txt").read_bytes()
    assert int(_python(installed, tmp_path, "-c", code)) > 200


def test_no_tests_and_no_measurements_travel(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {
        "deployments",
        "flows",
        "pipeline_lib",
        "tasks",
    }


def test_a_shipped_settings_file_is_called_by_its_name_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("The ferry leaves the harbour at seven. " * 20, encoding="utf-8")
    plan = json.loads(_nightshift(installed, tmp_path, "plan", "--config", "small", "--json"))
    assert plan["changes"] == ["documents: 1 file new"]


def test_a_file_of_the_user_goes_before_a_shipped_one_of_its_name(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "small").write_text('profile = "mine"\n', encoding="utf-8")
    assert 'profile = "mine"' in _nightshift(installed, tmp_path, "config", "--config", "small")


def test_a_name_that_is_neither_is_called_a_missing_file(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        _nightshift(installed, tmp_path, "plan", "--config", "smal")
    assert "smal: there is no such settings file." in raised.value.stderr


def test_the_deployments_are_found_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import flows.deploy; print(flows.deploy.PREFECT_FILE.read_text(encoding='utf-8'))"
    assert _python(installed, tmp_path, "-c", code).strip() == (
        (ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8").strip()
    )


def _nightshift(installed: Path, folder: Path, *words: str) -> str:
    return _python(installed, folder, "-c", "from flows.cli import main; main()", *words)


def _python(installed: Path, folder: Path, *arguments: str) -> str:
    """What Python prints that has the package and no checkout, in a folder of the user's."""
    env = {**os.environ, "PYTHONPATH": str(installed), "NIGHTSHIFT_SCRUB_KEY": KEY}
    where = [sys.executable, "-c", "import flows; print(flows.__file__)"]
    found = subprocess.run(where, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(installed)), found
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout
