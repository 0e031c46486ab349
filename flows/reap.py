"""Runs that were killed are shown as what they are, in the Prefect UI too.

A process that is killed with -9 cannot report it, and Prefect goes on showing its run as Running for ever. Our own
records name the process of each run; whose process is gone was killed.
"""

from dataclasses import replace
from typing import Protocol
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from pipeline_lib.state import RunRecord, Workspace


class Speaker(Protocol):
    """Who tells people."""

    def say(self, text: str) -> None:
        """One line."""


def reap_killed_runs(workspace: Workspace, speaker: Speaker) -> None:
    """Mark killed runs as Crashed in Prefect, once each, and say so."""
    for record in workspace.runs():
        if record.state != "killed" or record.is_reaped:
            continue
        speaker.say(f"the run before this one was {record.message.split(';')[0]}; going on from there")
        if record.flow_run_id is not None:
            _mark_crashed(record)
        workspace.save_run(replace(record, is_reaped=True))


def _mark_crashed(record: RunRecord) -> None:
    with get_client(sync_client=True) as client:
        runs = [UUID(record.flow_run_id or "")]
        children = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=runs))
        )
        for run_id in [*runs, *(child.id for child in children)]:
            try:
                found = client.read_flow_run(run_id)
            except ObjectNotFound:
                continue
            if found.state is not None and not found.state.is_final():
                client.set_flow_run_state(run_id, Crashed(message=record.message), force=True)
