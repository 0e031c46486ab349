"""The service files: read back as systemd and launchd read them, with all that a path may hold."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.install import manager_of
from flows.units import Service, launchd_agent, quoted, systemd_unit

ODD = [
    "plain",
    "with blanks",
    "100% 50%h",
    "$HOME ${X}",
    "back\\slash\\",
    'quo"te',
    "it's",
    "夜 晚",
    "semi;colon",
    "#a=b",
    "x ",
]
NO_SYSTEMD = "systemd-analyze, which reads unit files as systemd does, is not here; they are parsed by the test beside"


def _service(folder: Path) -> Service:
    """What is really there, so that systemd finds it."""
    folder.mkdir(parents=True)
    program = folder / "py thon%3"
    program.symlink_to(sys.executable)
    words = ["-P", "-m", "flows.cli", "up", "--ingest.sources", '[{"path": "$HOME/a b"}]', ";", "", "100%", "\\n"]
    return Service(folder, [str(program), *words], folder, {"NIGHTSHIFT_X__Y": f'a "b" $c % {folder}'})


def _value(unit: str, key: str) -> str:
    (line,) = [line for line in unit.splitlines() if line.startswith(f"{key}=")]
    return line.partition("=")[2]


def _words(text: str) -> list[str]:
    """Quoted words, as systemd.syntax(7) has them, with specifiers: a reader that shares nothing with the writer."""
    words, word, letters = [], None, iter(text)
    for letter in letters:
        if word is None:
            assert letter in ' "'
            word = "" if letter == '"' else None
        elif letter == '"':
            words.append(word)
            word = None
        elif letter == "\\":
            word += {"n": "\n", "t": "\t", "r": "\r"}.get(following := next(letters), following)
        elif letter == "%":
            assert next(letters) == "%", "a specifier of systemd"
            word += "%"
        else:
            word += letter
    return words


@pytest.mark.parametrize("name", ODD)
def test_a_unit_says_what_was_meant_whatever_is_in_a_path(tmp_path: Path, name: str) -> None:
    service = _service(tmp_path / name)
    unit = systemd_unit(service)
    assert not any(line.endswith("\\") for line in unit.splitlines())  # which would go on in the next
    command = _words(_value(unit, "ExecStart"))
    assert command[0] == ":/bin/sh"  # the colon: no $ is replaced
    assert command[3:] == list(service.command)
    assert _value(unit, "WorkingDirectory").replace("%%", "%") == f"{service.folder}/"
    assert _words(_value(unit, "Environment")) == [f"{key}={value}" for key, value in service.environment.items()]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason=NO_SYSTEMD)
@pytest.mark.parametrize("name", ODD)
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path, name: str) -> None:
    assert _verified(tmp_path, systemd_unit(_service(tmp_path / name))) == (0, "")


@pytest.mark.parametrize("name", ODD)
def test_the_shell_that_is_started_becomes_the_program_with_its_words(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    program = folder / "py thon%3"
    program.write_text('#!/bin/sh\necho "$$"\nprintf "%s\\0" "$@"\n')
    program.chmod(0o755)
    words = ["a b", "$HOME", 'quo"te', ""]
    unit = systemd_unit(Service(folder, [str(program), *words], folder))
    process = subprocess.Popen([word.removeprefix(":") for word in _words(_value(unit, "ExecStart"))], stdout=-1)
    said = process.communicate(timeout=30)[0].decode()
    assert said == f"{process.pid}\n" + "".join(f"{word}\0" for word in words)


def _verified(folder: Path, unit: str) -> tuple[int, str]:
    path = folder / "nightshift-x.service"
    path.write_text(unit, encoding="utf-8")
    run = folder / "run"
    run.mkdir(exist_ok=True)
    words = ["systemd-analyze", "verify", "--user", "--man=no", str(path)]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(run)}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr + done.stdout


@pytest.mark.parametrize("name", ODD)
def test_an_agent_of_launchd_says_the_same(tmp_path: Path, name: str) -> None:
    service = _service(tmp_path / name)
    agent = plistlib.loads(launchd_agent(service).encode())
    assert agent["ProgramArguments"] == list(service.command)
    assert agent["WorkingDirectory"] == str(service.folder)
    assert agent["EnvironmentVariables"] == service.environment
    assert (agent["Label"], agent["KeepAlive"], agent["Umask"]) == (service.name, {"SuccessfulExit": False}, 63)


@pytest.mark.parametrize("word", ["", *ODD])
def test_a_quoted_word_is_one_word(word: str) -> None:
    assert _words(f"{quoted(word)} {quoted(word)}") == [word, word]


def test_each_workspace_has_a_service_of_its_own_with_a_name_that_is_no_path() -> None:
    names = {
        Service(Path(path), [], Path("/")).name for path in ("/a/.nightshift", "/b/.nightshift", "/c/夜 晚", "/c/x@y")
    }
    assert len(names) == 4
    assert all(name.startswith("nightshift-") and name.replace("-", "").isalnum() and name.isascii() for name in names)


def test_each_system_has_its_place_and_its_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    service = Service(Path("/w"), ["/p"], Path("/"))
    linux, mac = manager_of(service, platform="linux"), manager_of(service, platform="darwin")
    assert linux.path == tmp_path / ".config" / "systemd" / "user" / f"{service.name}.service"
    assert linux.enable[-1] == ["systemctl", "--user", "enable", "--now", service.name]
    assert mac.path == tmp_path / "Library" / "LaunchAgents" / f"{service.name}.plist"
    assert mac.enable == [["launchctl", "bootstrap", f"gui/{os.getuid()}", str(mac.path)]]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert manager_of(service, platform="linux").path.is_relative_to(tmp_path / "elsewhere")
