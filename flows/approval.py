"""approval: a person decides on a version that waits, by a form in Prefect's pages.

A night that leaves a version to a person has this flow begun. It suspends itself: no process waits. Who opens the run
in Prefect finds the report of the gate and a form; the worker then goes on with what was chosen there. A version that
was decided on elsewhere meanwhile (`nightshift approve`, `refuse`, `promote`) is left as it is.
"""

from typing import Any, Literal

from prefect import flow, suspend_flow_run
from prefect.input import RunInput
from prefect.states import Completed
from pydantic import Field

from flows.approvals import approved, asked_of, check_champion, refused, waiting_in
from pipeline_lib.plan.basis import WAITING
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.workspace import Workspace
from tasks.moves import promote_version
from tasks.stages import PrefectRuntime, ended


class Decision(RunInput):
    """What the form asks for."""

    decision: Literal["promote", "refuse"] = Field(description="promote: the version takes the place of the champion")
    reason: str = Field("", max_length=500, description="kept in the ledger of moves")


@flow(name="approval", flow_run_name="approval-{settings.profile}-version-{version}")
def approval(settings: AllSettings, version: int, report: str = "") -> dict[str, Any]:
    """Ask a person for a decision on `version`, and do it. `report` is the page of the gate, in Markdown."""
    runtime, workspace = PrefectRuntime(settings.workspace), Workspace(settings.workspace.resolve())
    waiting = waiting_in(settings, workspace)
    if waiting is None or waiting.version != version:
        decided: Any = Completed(name="Decided", message=f"version {version} does not wait for a person any more")
        return decided
    form = Decision.with_initial_data(description=report or waiting.reason)
    answer = suspend_flow_run(wait_for_input=form, key="decision", timeout=None)
    asked = asked_of(settings, workspace, version)
    if answer.decision == "refuse":
        return ended(refused(asked, workspace), {"version": version, "is_promoted": False})
    check_champion(asked, settings, workspace)
    move = promote_version(settings, version, approved(asked, answer.reason), runtime)
    workspace.drop_pin(WAITING)
    return ended(f"version {version} promoted", {**move, "is_promoted": True})
