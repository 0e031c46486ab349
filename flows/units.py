"""`nightshift up` as a service of this user: a unit for systemd, an agent for launchd, as text.

Both start the Python that writes them, in the folder that it was called from, with the settings of that call. systemd
reads its files by rules of its own (systemd.syntax(7), systemd.exec(5), systemd.service(5)): in a quoted word backslash
and quote are escaped, `%` is doubled everywhere, and `$` stands for itself after a command that begins with a colon.
The first word may hold no quote and no backslash, so it is a shell, which becomes the Python at once.
"""

import hashlib
import plistlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESTART_SECONDS = 10
MOST_STARTS = 5  # within WINDOW_SECONDS; then the service stays down, as failed
WINDOW_SECONDS = 600
STOP_SECONDS = 90  # a night writes a checkpoint, then the servers end
FOR_A_PERSON = (2, 3, 6)  # settings, data, somebody else at work: another start would end the same way
ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "%": "%%"}


@dataclass(frozen=True)
class Service:
    """What is started, and where."""

    workspace: Path
    command: Sequence[str]
    folder: Path  # where relative paths of the settings begin
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """One for each workspace, of letters that no service manager takes for anything else."""
        shown = re.sub(r"[^A-Za-z0-9_]+", "-", self.workspace.name).strip("-") or "workspace"
        return f"nightshift-{shown}-{hashlib.sha256(str(self.workspace).encode()).hexdigest()[:8]}"


def systemd_unit(service: Service) -> str:
    """The unit file, for `systemctl --user`."""
    command = [":/bin/sh", "-c", 'exec "$0" "$@"', *service.command]
    environment = [f"Environment={quoted(f'{name}={value}')}" for name, value in service.environment.items()]
    lines = [
        "[Unit]",
        f"Description=Nightshift in {_doubled(str(service.workspace))}/",  # a backslash at its end would join two lines
        f"StartLimitIntervalSec={WINDOW_SECONDS}",
        f"StartLimitBurst={MOST_STARTS}",
        "",
        "[Service]",
        "Type=exec",
        f"WorkingDirectory={_doubled(str(service.folder))}/",  # not quoted; a blank at its end, or a backslash, is kept
        *environment,
        f"ExecStart={' '.join(quoted(word) for word in command)}",
        "Restart=on-failure",
        f"RestartSec={RESTART_SECONDS}",
        f"RestartPreventExitStatus={' '.join(map(str, FOR_A_PERSON))}",
        "KillMode=mixed",  # it ends its servers by itself; what is left after that is killed
        f"TimeoutStopSec={STOP_SECONDS}",
        "UMask=0077",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def launchd_agent(service: Service) -> str:
    """The property list, for `launchctl`."""
    log = str(service.workspace / "logs" / "up.log")
    agent = {
        "Label": service.name,
        "ProgramArguments": list(service.command),
        "WorkingDirectory": str(service.folder),
        "EnvironmentVariables": dict(service.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(agent, sort_keys=False).decode()


def quoted(word: str) -> str:
    """A word of a command line or of an environment, as systemd reads it."""
    return '"' + "".join(ESCAPED.get(letter, letter) for letter in word) + '"'


def _doubled(path: str) -> str:
    return path.replace("%", "%%")
