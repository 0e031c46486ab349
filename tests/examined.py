"""A workspace that `nightshift doctor` examines: its findings, and their commands as a person gives them."""

import subprocess
from pathlib import Path

from flows.doctor.examine import CHECKS, examine
from flows.doctor.finding import Finding
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.in_this_process import run_here
from tests.model_nights import FAST
from tests.tiny_night import House, arguments, tiny_settings


def private(house: House) -> House:
    """A workspace whose rights are those that nights of a user have."""
    house.workspace.chmod(0o700)
    for path in house.workspace.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    return house


def settings_of(house: House, **changes: str) -> Settings:
    own = {"schedule__cron": "none", **changes}
    return tiny_settings(house.workspace, house.corpus, **FAST, **own)


def findings(house: House, check: str, *, fix: bool = False, **changes: str) -> list[Finding]:
    """What one check finds, in this process."""
    chosen = [(name, one) for name, one in CHECKS if name == check]
    assert chosen, check
    found = examine(settings_of(house, **changes), Workspace(house.workspace), is_fixing=fix, checks=chosen)
    return [one.finding for one in found.found]


def the_one(house: House, check: str, **changes: str) -> Finding:
    (found,) = findings(house, check, **changes)
    return found


def shell(command: str) -> None:
    """A command as a person pastes it."""
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=60)


def command_of(house: House, finding: Finding, **changes: str) -> None:
    """Run the command of a finding as it is told, with the settings of the tests."""
    program, *words = finding.command.split()
    assert program == "nightshift"
    own = {"schedule__cron": "none", **changes}
    assert run_here(*words, *arguments(house.workspace, house.corpus, **FAST, **own)) == 0


def everything_in(folder: Path) -> dict[str, tuple[int, int, int]]:
    files = [path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))]
    return {str(path): (one.st_mode, one.st_size, one.st_mtime_ns) for path in files if (one := path.lstat())}


def registry_in(house: House) -> Registry:
    return registry_of(settings_of(house).of(RegisterSettings), house.workspace)
