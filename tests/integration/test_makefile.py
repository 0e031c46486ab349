"""The installation that Makefile does, run without an index on wheels made here, and which Python it takes."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deployments.lock import Pin

ROOT = Path(__file__).resolve().parents[2]
LEFT_TO_US = ("PIP_", "UV_", "MAKE", "MFLAGS", "PYTHON", "INSTALLER", "WHEELS", "VENV", "VIRTUAL_ENV")
# Builds nothing: a project whose editable form is a wheel with one module, by a backend that lies in it.
BACKEND = """\
import pathlib, shutil
def build_editable(folder, config_settings=None, metadata_directory=None):
    return shutil.copy(pathlib.Path(__file__).with_name("nightshift-1.0-py3-none-any.whl"), folder).rpartition("/")[2]
"""


@pytest.fixture(scope="module")
def empty_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    shutil.copy(ROOT / "Makefile", folder)
    done = _make(folder, ".venv/bin/python", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stderr
    return folder / ".venv"


@pytest.fixture
def project(tmp_path: Path, empty_venv: Path) -> Path:
    """A checkout whose lock names one package and torch, and beside it the folder `wheels` with them."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(empty_venv, tmp_path / ".venv", symlinks=True)
    (tmp_path / "wheels").mkdir()
    tiny = _wheel(tmp_path / "wheels", "tiny", "1.0")
    for version in ("2.12.0", "2.13.0", "2.13.0+cpu", "2.14.0"):
        _wheel(tmp_path / "wheels", "torch", version)
    _wheel(tmp_path, "nightshift", "1.0")
    digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
    pin = Pin("tiny", "tiny==1.0", (f"sha256:{digest}",), frozenset({"nightshift"}))
    (tmp_path / "lock.txt").write_text(pin.with_hashes(), encoding="utf-8")
    (tmp_path / "constraints.txt").write_text("tiny==1.0\ntorch==2.13.0\n", encoding="utf-8")
    (tmp_path / "backend.py").write_text(BACKEND, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "nightshift"\nversion = "1.0"\n'
        '[build-system]\nrequires = ["backend-that-no-index-has"]\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_three_steps_install_what_the_lock_names_from_a_folder(project: Path, installer: str) -> None:
    if installer == "uv" and shutil.which("uv") is None:
        pytest.skip("uv is not on the PATH; who has none installs with pip")
    done = _install(project, installer)
    assert done.returncode == 0, done.stderr
    # torch: the version that is locked, and of it the build that lies at hand, though a newer one and another do too.
    assert _installed(project) == {"tiny": "1.0", "torch": "2.13.0+cpu", "nightshift": "1.0"}
    assert (project / ".venv" / f".ready-{installer}").exists()


def test_wheels_are_collected_from_where_they_are_and_install_elsewhere(project: Path) -> None:
    (project / "wheels").rename(project / "index")
    done = _make(project, "wheels", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(project / "index"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (project / "wheels").iterdir()} == {
        "tiny-1.0-py3-none-any.whl",
        "torch-2.13.0+cpu-py3-none-any.whl",
    }
    shutil.rmtree(project / "index")
    assert _install(project, "pip").returncode == 0
    assert _installed(project) == {"tiny": "1.0", "torch": "2.13.0+cpu", "nightshift": "1.0"}


def test_a_changed_byte_is_not_collected(project: Path) -> None:
    (project / "wheels").rename(project / "index")
    with (project / "index" / "tiny-1.0-py3-none-any.whl").open("ab") as wheel:
        wheel.write(b"0")
    done = _make(project, "wheels", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(project / "index"))
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_changed_byte_in_a_wheel_stops_the_installation(project: Path, where: str) -> None:
    path = project / "wheels" / "tiny-1.0-py3-none-any.whl"
    content = bytearray(path.read_bytes())
    content[{"first": 0, "middle": len(content) // 2, "last": -1}[where]] ^= 1
    path.write_bytes(content)
    done = _install(project, "pip")
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr and "tiny==1.0" in done.stderr
    assert _installed(project) == {}
    assert not (project / ".venv" / ".ready-pip").exists()


def test_a_wheel_that_the_folder_lacks_stops_the_installation(project: Path) -> None:
    (project / "wheels" / "tiny-1.0-py3-none-any.whl").unlink()
    done = _install(project, "pip")
    assert done.returncode != 0 and "tiny==1.0" in done.stderr
    assert _installed(project) == {}


def test_a_package_that_has_to_be_built_is_not_installed(project: Path) -> None:
    """Building runs code of the package, and brings what no hash holds."""
    (project / "wheels" / "tiny-1.0-py3-none-any.whl").rename(project / "wheels" / "tiny-1.0.tar.gz")
    done = _install(project, "pip")
    assert done.returncode != 0 and "tiny==1.0 (from versions: none)" in done.stderr


def test_wheels_that_lie_nowhere_are_told_with_how_to_get_them(project: Path) -> None:
    done = _make(project, ".venv/.ready-pip", "WHEELS=elsewhere")
    assert done.returncode != 0
    assert "WHEELS=elsewhere is no folder. Fill one where there is a package index: make wheels" in done.stdout


def test_uv_that_is_not_there_is_told(project: Path) -> None:
    for name in ("bash", "find", "test", "touch", "rm"):
        _program(project / "bin" / name, f'exec {shutil.which(name)} "$@"')
    done = _make(project, ".venv/.ready-uv", "INSTALLER=uv", f"PATH={project}/bin")
    assert done.returncode != 0
    assert "INSTALLER=uv, and uv is not on the PATH. Install uv, or leave INSTALLER out" in done.stdout


def test_the_newest_python_that_runs_is_taken(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    _program(tmp_path / "bin" / "python3.14", "echo 'python3.14: command not found' >&2; exit 127")  # a shim
    _program(tmp_path / "bin" / "python3.13", "exit 1")  # a Python without venv
    _program(tmp_path / "bin" / "python3.12", f'exec "{sys.executable}" "$@"')
    _program(tmp_path / "bin" / "python3.11", f'exec "{sys.executable}" "$@"')
    done = _make(tmp_path, "--dry-run", ".venv/bin/python", path=tmp_path / "bin")
    assert done.stdout.splitlines()[-1] == "python3.12 -m venv .venv"


def test_a_python_that_is_named_is_taken(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = _make(tmp_path, "--dry-run", ".venv/bin/python", "PYTHON=/opt/python3.11")
    assert done.stdout.splitlines()[-1] == "/opt/python3.11 -m venv .venv"


def test_another_python_than_that_of_the_environment_is_told(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    _program(tmp_path / "bin" / "python3.12", "echo 3.12")
    (tmp_path / ".venv").mkdir()
    _program(tmp_path / ".venv" / "bin" / "python", "echo 3.11")
    other = _make(tmp_path, "--dry-run", ".venv/bin/python", f"PYTHON={tmp_path}/bin/python3.12")
    assert other.returncode != 0
    assert "has Python 3.11, and PYTHON=" in other.stderr and "rm -r .venv; then run make again" in other.stderr
    for named in (["PYTHON=.venv/bin/python"], []):
        assert _make(tmp_path, "--dry-run", ".venv/bin/python", *named).returncode == 0


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("exit 127", "does not run. Name a Python 3.11 to 3.14: make PYTHON=/path/to/python3.11"),
        (
            'case "$1" in --version) echo Python 3.10.1;; -c) test -z "$2";; esac',
            "is Python 3.10.1. Name another: make PYTHON=/path/to/python3.11",
        ),
    ],
    ids=["does not run", "too old"],
)
def test_a_python_that_cannot_be_it_is_told_and_nothing_is_made(tmp_path: Path, program: str, told: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    _program(tmp_path / "bin" / "python", program)
    done = _make(tmp_path, ".venv/bin/python", f"PYTHON={tmp_path}/bin/python")
    assert done.returncode != 0 and told in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_where_no_python_runs_it_says_what_is_needed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for version in ("3.14", "3.13", "3.12", "3.11"):
        _program(tmp_path / "bin" / f"python{version}", "exit 127")
    done = _make(tmp_path, ".venv/bin/python", path=tmp_path / "bin")
    assert done.returncode != 0
    assert "Nightshift needs Python 3.11 to 3.14 with venv, and none on the PATH runs." in done.stdout


def _install(project: Path, installer: str) -> subprocess.CompletedProcess[str]:
    return _make(project, f".venv/.ready-{installer}", f"INSTALLER={installer}", "WHEELS=wheels")


def _make(
    folder: Path, *arguments: str, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_TO_US)}
    env |= {"PIP_CONFIG_FILE": os.devnull, **variables}
    if path is not None:
        env["PATH"] = f"{path}:{env['PATH']}"
    return subprocess.run(["make", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


def _installed(project: Path) -> dict[str, str]:
    """Name and version of what is in the environment, but for what came with it."""
    (site,) = (project / ".venv" / "lib").glob("python*/site-packages")
    found = dict(path.stem.split("-", 1) for path in site.glob("*.dist-info"))
    return {name: version for name, version in found.items() if name not in {"pip", "setuptools"}}


def _wheel(folder: Path, name: str, version: str) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{information}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{information}/RECORD"])
    with zipfile.ZipFile(path, "w") as written:
        for file, content in files.items():
            written.writestr(file, content)
    return path


def _program(path: Path, body: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
