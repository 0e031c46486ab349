"""`nightshift up --install` as a user calls it: what it writes, what it says, and that it does no more."""

import os
import plistlib
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from flows import install
from flows.cli import main
from pipeline_lib.scrub.key import KEY_FILE_VARIABLE, KEY_VARIABLE
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, Ended, arguments, environment

FOLDERS = {"systemctl": ".config/systemd/user", "launchctl": "Library/LaunchAgents"}
PLATFORMS = {"systemctl": "linux", "launchctl": "darwin"}
# Stands for the manager of services: writes down how it was called, and fails when it is told to.
MANAGER = """#!/bin/sh
echo "$@" >> "$HOME/called"
[ -e "$HOME/fails" ] && echo "Failed to connect to bus" >&2 && exit 1
exit 0
"""


@pytest.fixture(params=list(FOLDERS))
def manager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which one there is. Both are tried on every system: what differs is how they are told."""
    name: str = request.param
    monkeypatch.setattr(install, "manager_of", partial(install.manager_of, platform=PLATFORMS[name]))
    return name


@pytest.fixture
def home(tmp_path: Path, manager: str) -> Path:
    program = tmp_path / "bin" / manager
    program.parent.mkdir()
    program.write_text(MANAGER)
    program.chmod(0o755)
    key = tmp_path / "scrub.key"
    key.write_text(KEY)
    key.chmod(0o600)
    return tmp_path


Call = Callable[..., Ended]


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command in this process; environment variables by name."""

    def made(*words: str, **variables: str) -> Ended:
        env = {"HOME": str(home), "XDG_CONFIG_HOME": "", "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
        env |= {KEY_VARIABLE: "", KEY_FILE_VARIABLE: str(home / "scrub.key"), **variables}
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as left:
                main(["up", *words, *arguments(home / "work space", home)])
        said = capsys.readouterr()
        return Ended(int(left.value.code or 0), said.out, said.err)

    return made


def units(home: Path) -> list[Path]:
    return [path for folder in FOLDERS.values() for path in (home / folder).glob("*")]


def called(home: Path) -> list[str]:
    return (home / "called").read_text().splitlines() if (home / "called").exists() else []


def told(manager: str, unit: Path, *, enabled: bool) -> list[str]:
    """What the manager hears when a service comes, or goes."""
    if manager == "launchctl":
        domain = f"gui/{os.getuid()}"
        return [f"bootstrap {domain} {unit}" if enabled else f"bootout {domain}/{unit.stem}"]
    words = [f"--user enable --now {unit.stem}", f"--user disable --now {unit.stem}"]
    reload = "--user daemon-reload"
    return [reload, words[0]] if enabled else [words[1], reload]


def said_by(manager: str, unit: Path) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a service."""
    if manager == "launchctl":
        agent = plistlib.loads(unit.read_bytes())
        return agent["ProgramArguments"], agent["EnvironmentVariables"]
    lines = [line.partition("=")[::2] for line in unit.read_text(encoding="utf-8").splitlines()]
    (command,) = [shlex.split(value) for name, value in lines if name == "ExecStart"]
    named = [word for name, value in lines if name == "Environment" for word in shlex.split(value)]
    return command[3:], dict(word.split("=", 1) for word in named)  # behind the shell that becomes it


def test_a_service_is_shown_written_enabled_and_removed_each_only_when_asked_for(
    home: Path, call: Call, manager: str
) -> None:
    shown = call("--install", "--dry-run", "--prefect-port", "4321", NIGHTSHIFT_TRAIN__THREADS="3")
    assert shown.status == 0, shown.err
    assert (units(home), called(home), Workspace(home / "work space").state.exists()) == ([], [], False)

    written = call("--install", "--prefect-port", "4321", NIGHTSHIFT_TRAIN__THREADS="3")
    (unit,) = units(home)
    text = unit.read_text(encoding="utf-8")
    assert unit.parent == home / FOLDERS[manager] and KEY not in text
    assert text in shown.out and text in written.out and f"{unit}" in written.out.replace("\n", "")
    command, environment = said_by(manager, unit)
    assert command[:8] == [sys.executable, "-P", "-m", "flows.cli", "up", "--prefect-port", "4321", "--profile"]
    assert command[command.index("--workspace") + 1] == f"{home}/work space" and "--install" not in command
    assert environment["NIGHTSHIFT_TRAIN__THREADS"] == "3"
    assert environment["NIGHTSHIFT_SCRUB_KEY_FILE"] == f"{home}/scrub.key"
    last = told(manager, unit, enabled=True)[-1]
    assert f"{manager} {last}" in written.out and called(home) == []

    assert call("--install", "--enable").status == 0
    assert called(home) == told(manager, unit, enabled=True)

    assert call("--uninstall", "--dry-run").status == 0 and units(home) == [unit]
    assert call("--uninstall").status == 0 and units(home) == []
    assert called(home) == [*told(manager, unit, enabled=True), *told(manager, unit, enabled=False)]
    again = call("--uninstall")
    assert again.status == 0 and "there is no service of this workspace" in again.out


def test_where_nobody_runs_services_it_is_said_and_the_file_stays_or_goes_as_asked(
    home: Path, call: Call, manager: str
) -> None:
    (home / "fails").touch()
    enabled = call("--install", "--enable")
    (unit,) = units(home)
    first = told(manager, unit, enabled=True)[0]
    assert enabled.status == 4 and f"{manager} {first}: Failed to connect to bus. Try it" in enabled.err
    removed = call("--uninstall")
    assert removed.status == 0 and units(home) == [] and "Failed to connect to bus" in removed.out


def test_a_key_of_the_environment_is_written_nowhere_and_the_way_out_is_said(home: Path, call: Call) -> None:
    """Of the process that a unit starts: it has handed its key on to a file that ends with it."""
    command = [sys.executable, "-P", "-m", "flows.cli", "up", "--install", *arguments(home / "work space", home)]
    env = environment(HOME=str(home), NIGHTSHIFT_SCRUB_KEY_FILE="", XDG_CONFIG_HOME="")
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    refused = Ended(done.returncode, done.stdout, done.stderr)
    assert refused.status == 2 and "umask 077; printenv NIGHTSHIFT_SCRUB_KEY > FILE" in refused.err
    assert units(home) == [] and KEY not in refused.out + refused.err
    keyless = call("--install", NIGHTSHIFT_SCRUB_KEY_FILE="")
    assert keyless.status == 2 and units(home) == []


def test_what_belongs_together_is_asked_for_together(home: Path, call: Call) -> None:
    assert call("--enable").status == 2
    assert call("--install", "--uninstall").status == 2
