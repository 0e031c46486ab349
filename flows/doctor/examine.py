"""All checks, done: each for some seconds at most, and what `--fix` puts right."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.doctor import machine, nights, places, stores
from flows.doctor.finding import ERROR, WARNING, Check, Finding, Patient
from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

CHECK_SECONDS = 30.0
CHECKS: tuple[tuple[str, Check], ...] = (  # in the order in which they are told
    ("home", places.home),
    ("shapes", places.shapes),
    ("permissions", places.permissions),
    ("packages", machine.packages),
    ("clock", machine.clock),
    ("disk", machine.disk),
    ("memory", machine.memory),
    ("cores", machine.cores),
    ("key", stores.key),
    ("databases", stores.databases),
    ("registry", stores.registry),
    ("damage", places.damage),
    ("foreign", places.foreign),
    ("runs", nights.runs),
    ("schedule", nights.schedule),
    ("plan", places.plan),
)


@dataclass(frozen=True)
class Told:
    """A finding, by which check, and what `--fix` made of it."""

    check: str
    finding: Finding
    became: str = ""  # why it was not put right


@dataclass(frozen=True)
class Examined:
    """What was found, and what of it is right by now."""

    found: tuple[Told, ...]  # that are there still
    fixed: tuple[Told, ...]
    seconds: float

    @property
    def errors(self) -> int:
        """Findings that keep nights from their work."""
        return sum(one.finding.level == ERROR for one in self.found)


def examine(
    settings: Settings,
    workspace: Workspace,
    *,
    is_fixing: bool = False,
    checks: Sequence[tuple[str, Check]] = CHECKS,
    seconds: float = CHECK_SECONDS,
) -> Examined:
    """Do all checks; with `is_fixing` put right what can be, and look again."""
    started = time.monotonic()
    found = _look(settings, workspace, checks, seconds)
    if not is_fixing or not any(one.finding.fix for one in found):
        return Examined(found, (), time.monotonic() - started)
    failed = _fix([one for one in found if one.finding.fix], workspace)
    left = _look(settings, workspace, checks, seconds)
    still = {one.finding.what for one in left}
    fixed = tuple(one for one in found if one.finding.fix and one.finding.what not in still)
    told = tuple(Told(one.check, one.finding, failed.get(one.finding.what, "")) for one in left)
    return Examined(told, fixed, time.monotonic() - started)


def _look(
    settings: Settings, workspace: Workspace, checks: Sequence[tuple[str, Check]], seconds: float
) -> tuple[Told, ...]:
    patient, told = Patient(settings, workspace, time.time()), dict[str, Told]()
    for name, check in checks:
        for finding in _in_time(name, check, patient, seconds):
            told.setdefault(finding.what, Told(name, finding))  # two checks may meet one fault
    return tuple(told.values())


def _in_time(name: str, check: Check, patient: Patient, seconds: float) -> Iterator[Finding]:
    """What a check finds; one that hangs is left behind, one that fails says so."""
    found: list[Finding] = []
    failed: list[Exception] = []

    def look() -> None:
        try:
            found.extend(check(patient))
        except Exception as exc:  # noqa: BLE001 - told below
            failed.append(exc)

    thread = threading.Thread(target=look, name=f"check-{name}", daemon=True)
    thread.start()
    thread.join(seconds)
    yield from found
    if thread.is_alive():
        yield Finding(
            WARNING, f"the check of {name} did not end within {seconds:g} s: a disk or a server hangs", "df -h"
        )
    for exc in failed:
        said = str(exc) if isinstance(exc, NightshiftError | OSError) else f"the check of {name} fails: {exc!r}"
        yield Finding(ERROR, said, "nightshift plan")


def _fix(found: Sequence[Told], workspace: Workspace) -> dict[str, str]:
    """Put right what can be; by what was found why that failed."""
    failed: dict[str, str] = {}
    try:
        with workspace.lock():
            for one in found:
                assert one.finding.fix is not None
                try:
                    one.finding.fix()
                except Exception as exc:  # noqa: BLE001 - one that fails keeps no other from being done
                    failed[one.finding.what] = f"not put right: {exc}"
    except (NightshiftError, OSError) as exc:  # a night is at work, or nothing can be locked
        failed |= {one.finding.what: f"not put right: {exc}" for one in found}
    return failed
