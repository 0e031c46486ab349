"""`nightshift doctor`: the page of findings, each with the command that puts it right."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flows.console import make_console
from flows.doctor.examine import CHECKS, Examined, Told, examine
from flows.doctor.finding import ERROR
from flows.show.tables import lasting, print_json
from pipeline_lib.base.words import counted
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

EXIT_ILL = 8  # of `nightshift doctor` where something keeps nights from their work; 1 to 6 are those of errors


def show_doctor(settings: Settings, workspace: Workspace, given: str, *, is_fixing: bool, as_json: bool) -> int:
    """Examine and tell; the exit status. `given`: the words of this call that say which workspace it is about; our own
    commands among the advice get them, too."""
    found = _with_words(examine(settings, workspace, is_fixing=is_fixing), given)
    if as_json:
        print_json(as_data(found))
    else:
        _show(found)
    return EXIT_ILL if found.errors else 0


def _with_words(found: Examined, given: str) -> Examined:
    told = tuple(_with_given(one, given) for one in found.found)
    return replace(found, found=told)


def _with_given(one: Told, given: str) -> Told:
    return replace(one, finding=replace(one.finding, command=_completed(one.finding.command, given)))


def _completed(command: str, given: str) -> str:
    is_ours = command.rpartition("; ")[2].startswith("nightshift ")
    return f"{command} {given}" if given and is_ours else command


def as_data(found: Examined) -> dict[str, Any]:
    """For programs."""
    return {
        "is_healthy": not found.errors,
        "checks": [name for name, _ in CHECKS],
        "findings": list(_rows(found.found)),
        "fixed": list(_rows(found.fixed)),
        "seconds": round(found.seconds, 3),
    }


def _rows(told: Iterable[Told]) -> Iterable[dict[str, Any]]:
    for one in told:
        own = one.finding
        row = {"check": one.check, "level": own.level, "what": own.what, "command": own.command}
        yield {**row, "is_fixable": own.fix is not None, "became": one.became}


def _show(found: Examined) -> None:
    console = make_console()
    for one in found.fixed:
        console.print(f"put right  {one.check:<12} {one.finding.what}", soft_wrap=True, style="dim")
    for one in found.found:
        own = one.finding
        console.print(f"{own.level:<8} {one.check:<12} {own.what}", soft_wrap=True, style="bold" * (own.level == ERROR))
        if one.became:
            console.print(f"{'':<22}{one.became}", soft_wrap=True)
        console.print(f"{'':<22}{own.command}", soft_wrap=True)
    errors, warnings = found.errors, len(found.found) - found.errors
    told = (
        f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        if found.found
        else f"all is well: {len(CHECKS)} checks"
    )
    console.print(f"{told}  ({lasting(found.seconds)})", style="bold")
    if any(one.finding.fix for one in found.found):
        console.print("nightshift doctor --fix puts right what is safe", style="dim")
