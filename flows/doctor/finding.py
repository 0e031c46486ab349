"""What checks look at, and what they find."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from flows.standing import Standing, recorded
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.holder import Holder, holder_of
from pipeline_lib.store.workspace import Workspace

ERROR: Literal["error"] = "error"  # nights fail, or are not made, or something is lost
WARNING: Literal["warning"] = "warning"  # something to know, that stops no night
FIX = "nightshift doctor --fix"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be."""

    level: Literal["error", "warning"]
    what: str
    command: str  # that puts it right
    fix: Callable[[], object] | None = None  # the same by `--fix`, where that is safe


@dataclass(frozen=True)
class Patient:
    """A workspace, as it is looked at now."""

    settings: Settings
    workspace: Workspace
    now: float  # Unix seconds

    @cached_property
    def up(self) -> Standing | None:
        """The servers of `nightshift up`, if that runs."""
        return recorded(self.workspace)

    @cached_property
    def at_work(self) -> Holder | None:
        """Who works in the workspace."""
        return holder_of(self.workspace.state / "lock")

    @cached_property
    def registry(self) -> Registry:
        """Its registered model."""
        return registry_of(self.settings.of(RegisterSettings), self.workspace.root)


Check = Callable[[Patient], Iterator[Finding]]


def quoted(*paths: Path) -> str:
    """Paths as a shell takes them; a `?` stands for what no terminal shows."""
    return " ".join(_quoted(str(path)) for path in paths)


def _quoted(path: str) -> str:
    if path.isprintable():
        return shlex.quote(path)
    return "".join(shlex.quote(char) if char.isprintable() else "?" for char in path)


def shown(path: Path) -> str:
    """A path for people: what is no text of a terminal is escaped."""
    return str(path) if str(path).isprintable() else ascii(str(path))
