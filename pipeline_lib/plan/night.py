"""What a night would do, as lines for people: the plans of both halves, explained."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.judge import plan_judge
from pipeline_lib.plan.models import plan_models
from pipeline_lib.plan.reasons import Line, explain_step
from pipeline_lib.run.work import Step
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
    stages: Sequence[Sequence[Step]] = (*data.stages, *models.stages, *judge.stages)
    steps = tuple(StepLines(step, tuple(explain_step(step, workspace))) for stage in stages for step in stage)
    return NightPlan(data.documents.changes, steps)
