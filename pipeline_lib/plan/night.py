"""What a night would do, as lines for people: the plans of both halves, explained."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_lib.plan.data import DataPlan, plan_data
from pipeline_lib.plan.judge import plan_judge
from pipeline_lib.plan.models import plan_models
from pipeline_lib.plan.reasons import Line, explain
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace


@dataclass(frozen=True)
class StepLines:
    """One step and what happens to each of its artifacts."""

    step: Step
    lines: tuple[Line, ...]

    @property
    def work(self) -> tuple[Line, ...]:
        """The artifacts that are made."""
        return tuple(line for line in self.lines if line.action == "work")


@dataclass(frozen=True)
class NightPlan:
    """The whole night."""

    changes: tuple[str, ...]  # one line a new batch: "docs: 3 files new, 1 files changed"
    notes: tuple[str, ...]  # what a person should know beside that
    num_closed: int  # batches of earlier nights that nobody looks at any more
    steps: tuple[StepLines, ...]

    @property
    def is_nothing_new(self) -> bool:
        """Whether all there is to make is there."""
        return not any(step.work for step in self.steps)


def plan_night(settings: Settings, workspace: Workspace) -> NightPlan:
    """Lay out and explain the night. Makes nothing."""
    data = plan_data(settings, workspace)
    models = plan_models(settings, workspace, data)
    judge = plan_judge(settings, workspace, data, models)
    steps: Sequence[Step] = [step for _, of_stage in data.stages for step in of_stage]
    every = [*steps, *models.steps, *judge.steps]
    graph = {**data.graph, **models.graph, **judge.graph}
    lines = tuple(StepLines(step, tuple(of_step)) for step, of_step in explain(every, graph, workspace))
    return NightPlan(data.changes, (*_notes(data), *models.notes), data.found.closed.count, lines)


def _notes(data: DataPlan) -> list[str]:
    notes = [f"tokenizer {data.tokenizer.note}"] if data.tokenizer.note else []
    if data.found.given_up:
        names = ", ".join(batch.name for batch in data.found.given_up[:5])
        notes.append(
            f"{len(data.found.given_up)} batches are given up ({names}): something of them is lost and needed, and their "
            "files have changed since; what is still in their sources comes in a new batch"
        )
    return notes
