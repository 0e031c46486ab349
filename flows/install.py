"""`nightshift up --install` and `--uninstall`: the service of a workspace written, started if asked for, and removed.

Nothing is started or enabled unless `--enable` says so, and with `--dry-run` nothing is written.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.console import ConsoleReporter
from flows.standing import recorded
from flows.units import Service, launchd_agent, systemd_unit
from pipeline_lib.base.errors import SettingsError, UpstreamError
from pipeline_lib.plan.data import makes_its_key, night_key
from pipeline_lib.scrub.key import KEY_FILE_VARIABLE, KEY_VARIABLE, lasting_key_file
from pipeline_lib.settings.tree import Settings, is_setting
from pipeline_lib.store.files import write_atomically
from pipeline_lib.store.workspace import Workspace

MANAGER_SECONDS = 60


@dataclass(frozen=True)
class Manager:
    """What runs the services of a user: where their files lie, and how it is told of them."""

    path: Path
    text: str
    enable: Sequence[Sequence[str]]
    disable: Sequence[Sequence[str]]
    forget: Sequence[Sequence[str]] = ()  # after the file is gone
    advice: str = ""


def install(settings: Settings, words: Sequence[str], *, enable: bool, dry_run: bool) -> None:
    """Write the service that runs `nightshift up` with these words, from this folder, by this Python."""
    workspace, reporter = Workspace(settings.workspace.resolve()), ConsoleReporter()
    command = [sys.executable, "-P", "-m", "flows.cli", "up", *words]
    service = Service(workspace.root, command, Path.cwd(), _environment(settings, workspace))
    _check_one_line(service)
    manager = manager_of(service)
    reporter.say(f"{'would write' if dry_run else 'writing'} {manager.path}")
    print(manager.text)  # as it stands in the file, which the console would lay out anew (tabs)
    if not dry_run:
        write_atomically(manager.path, manager.text.encode())
        (workspace.root / "logs").mkdir(parents=True, exist_ok=True)  # launchd wants it
    if (found := recorded(workspace)) is not None:
        reporter.say(f"nightshift up runs here already (process {found.process_id}); stop it before the service starts")
    if not enable:
        reporter.say("Start it now and at each login with:")
    for order in manager.enable:
        if enable and not dry_run:
            _tell(order)
        reporter.console.print(f"  {' '.join(order)}", soft_wrap=True)
    if manager.advice:
        reporter.say(manager.advice)


def uninstall(settings: Settings, *, dry_run: bool) -> None:
    """Stop the service of this workspace and take its file away."""
    reporter = ConsoleReporter()
    manager = manager_of(Service(settings.workspace.resolve(), ["-"], Path.cwd()))
    if not manager.path.exists():
        reporter.say(f"there is no service of this workspace: {manager.path} is not there")
        return
    reporter.say(f"{'would remove' if dry_run else 'removing'} {manager.path}")
    if dry_run:
        return
    for order in manager.disable:
        try:
            _tell(order)
        except UpstreamError as exc:  # it was never enabled, or nobody runs services here
            reporter.say(str(exc))
    manager.path.unlink()
    for order in manager.forget:
        try:
            _tell(order)
        except UpstreamError as exc:
            reporter.say(str(exc))


def manager_of(service: Service, *, platform: str = sys.platform) -> Manager:
    """The manager of services of this machine, with this service."""
    try:
        home = Path.home()
    except RuntimeError as exc:
        raise SettingsError("up --install: this user has no home, where a service could lie. Set HOME.") from exc
    if platform == "darwin":
        path = home / "Library" / "LaunchAgents" / f"{service.name}.plist"
        domain = f"gui/{os.getuid()}"
        return Manager(
            path,
            launchd_agent(service),
            enable=[["launchctl", "bootstrap", domain, str(path)]],
            disable=[["launchctl", "bootout", f"{domain}/{service.name}"]],
        )
    systemctl = ["systemctl", "--user"]
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(configured) if configured.startswith("/") else home / ".config"
    return Manager(
        folder / "systemd" / "user" / f"{service.name}.service",
        systemd_unit(service),
        enable=[[*systemctl, "daemon-reload"], [*systemctl, "enable", "--now", service.name]],
        disable=[[*systemctl, "disable", "--now", service.name]],
        forget=[[*systemctl, "daemon-reload"]],
        advice="It ends when you log out, unless services of yours may stay: loginctl enable-linger",
    )


def _environment(settings: Settings, workspace: Workspace) -> Mapping[str, str]:
    """What of the environment of this call the service needs: settings, and where the key lies. Never the key."""
    found = {name: value for name, value in sorted(os.environ.items()) if is_setting(name)}
    key_file = lasting_key_file(os.environ)
    if key_file is not None:
        found[KEY_FILE_VARIABLE] = str(key_file.resolve())
    elif os.environ.get(KEY_FILE_VARIABLE) or os.environ.get(KEY_VARIABLE):
        raise SettingsError(
            f"up --install: the key of the pseudonyms is in your environment ({KEY_VARIABLE}), which no service has, "
            f"and is written into no unit. Put it into a file (umask 077; printenv {KEY_VARIABLE} > FILE), then "
            f"unset {KEY_VARIABLE}, set {KEY_FILE_VARIABLE} to that file and install again."
        )
    if not makes_its_key(settings):
        night_key(settings, workspace)
    return found


def _check_one_line(service: Service) -> None:
    for path in (service.workspace, service.folder, Path(service.command[0])):
        if any(ord(letter) < 32 for letter in str(path)):
            raise SettingsError(f"up --install: {str(path)!r} has a control character, which no service may have.")


def _tell(order: Sequence[str]) -> None:
    try:
        done = subprocess.run(order, capture_output=True, text=True, timeout=MANAGER_SECONDS, check=False)
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] if done.returncode else []
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as exc:
        said, failed = [str(exc)], True
    if failed:
        raise UpstreamError(f"{' '.join(order)}: {said[0] if said else 'failed'}. Try it by hand.")
