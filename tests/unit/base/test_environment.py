"""What libraries find in the environment: nobody is told of who uses them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline_lib.base.environment import NO_TELEMETRY, cache_folder


def printed(code: str, home: Path, **more: str) -> str:
    """What Python prints, in a home and with temporary files of its own, without what this process has set."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name not in NO_TELEMETRY}
    env = {**inherited, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(home / "tmp"), **more}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_onnx_runtime_leaves_no_trace_of_a_session(tmp_path: Path) -> None:
    """Loaded by itself it leaves an id of the machine and a file of its session, in environments it takes for no CI."""
    printed("import pipeline_lib, onnxruntime", tmp_path / "ours")
    assert files_in(tmp_path / "ours") == []


# Whether each of them would tell, by its own word.
WOULD_TELL = """
from huggingface_hub.constants import HF_HUB_DISABLE_TELEMETRY
from mlflow.telemetry.utils import is_telemetry_disabled
from prefect._internal.analytics.enabled import is_telemetry_enabled
from prefect.settings import get_current_settings
server = get_current_settings().server.analytics_enabled
print(not HF_HUB_DISABLE_TELEMETRY, not is_telemetry_disabled(), is_telemetry_enabled(), server)
"""
ALL = "True True True True\n"  # the hub's client, MLflow, Prefect's client and its server


def test_what_is_loaded_with_ours_tells_nobody_and_would_by_itself(tmp_path: Path) -> None:
    """In an environment that looks like a user's: each of them keeps quiet where it takes it for CI, or for tests."""
    bare = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "PYTHONSAFEPATH") if name in os.environ}
    env = {**bare, "HOME": str(tmp_path)}
    for first, told in ("", ALL), ("import pipeline_lib\n", ALL.replace("True", "False")):
        command = [sys.executable, "-c", first + WOULD_TELL]
        assert subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout == told


@pytest.mark.parametrize("name", NO_TELEMETRY)
def test_what_the_user_has_set_stays(tmp_path: Path, name: str) -> None:
    code = f"import os, pipeline_lib; print(os.environ[{name!r}])"
    assert printed(code, tmp_path) == f"{NO_TELEMETRY[name]}\n"
    assert printed(code, tmp_path, **{name: "by the user"}) == "by the user\n"


def test_who_has_no_home_has_a_cache_among_the_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user id that no list of users has, and no HOME: as in a container that is started under any id."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2_000_000_001)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache_folder() == tmp_path / "nightshift-2000000001"
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/nightshift")
