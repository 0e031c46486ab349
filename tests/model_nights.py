"""Whole nights in this process, trainings as well: seconds each, where a command line has to load everything first.

    night = whole_night(tiny_settings(workspace, corpus, **FAST))       `night.training`, `night.verdict`, `night.plan`

What was foreseen is compared with what was made: every artifact that `plan` names, and no other.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

from flows.halves import refresh_data, retrain_model
from pipeline_lib.plan.night import NightPlan, plan_night
from pipeline_lib.plan.parents import cursor_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train import phases, stage
from pipeline_lib.train.callbacks import StopSignal
from pipeline_lib.train.cursor import Cursor
from tests.tiny_night import artifacts, night_here, sealed_at

# What these nights do without: variants have tests of their own.
FAST = {"quantize__schemes": "none"}


@dataclass(frozen=True)
class WholeNight:
    """A night that was done."""

    settings: Settings
    plan: NightPlan  # as it was foreseen
    made: frozenset[str]  # "stage/fingerprint"
    refresh: Mapping[str, Any]  # what the halves of the night say of themselves
    retrain: Mapping[str, Any]

    @property
    def workspace(self) -> Workspace:
        """Its workspace."""
        return Workspace(self.settings.workspace)

    @property
    def verdict(self) -> str:
        """What became of the challenger, in a sentence."""
        return str(self.retrain["verdict"])

    @property
    def training(self) -> Manifest | None:
        """The training of this night; None where there was none."""
        (found,) = self.makers("train.model") or (None,)
        return found

    @property
    def cursor(self) -> Cursor:
        """What its trunk has read."""
        assert self.training is not None
        return cursor_of(self.workspace.store, self.training, ())

    @property
    def parent(self) -> str | None:
        """The model that its training went on from."""
        assert self.training is not None
        trunk = self.training.inputs.get("trunk")
        return None if trunk is None else trunk.fingerprint

    def makers(self, maker: str) -> list[Manifest]:
        """What this maker has made in this night."""
        there = artifacts(self.settings.workspace)
        return [there[name] for name in sorted(self.made) if there[name].maker == maker]


def whole_night(settings: Settings) -> WholeNight:
    """One night, whose plan must say exactly what is then made. Set NIGHTSHIFT_SCRUB_KEY first."""
    night = any_night(settings)
    assert len(night.made) == sum(len(step.work) for step in night.plan.steps), night.made
    return night


def any_night(settings: Settings) -> WholeNight:
    """One night, whatever its plan has said: there may be something that no plan sees."""
    planned = foreseen(settings)
    before = sealed_at(settings.workspace)
    with night_here(settings) as here, in_this_process():
        refreshed = refresh_data(here)
        retrained = retrain_model(here)
    made = frozenset(name for name, _ in sealed_at(settings.workspace).items() - before.items())
    return WholeNight(settings, planned, made, refreshed, retrained)


def foreseen(settings: Settings) -> NightPlan:
    """What `nightshift plan` says with these settings."""
    return plan_night(settings, Workspace(settings.workspace))


def to_do(plan: NightPlan) -> set[str]:
    """The stages that have something to do."""
    return {line.stage for step in plan.steps for line in step.work}


@contextmanager
def in_this_process() -> Iterator[None]:
    """No process of its own for a training: loading what it needs takes longer than such a training."""

    def train(_settings: Any, work: Path, _deadline: float, _on_progress: Any) -> None:
        phases.train(work, started=monotonic(), stop=StopSignal())

    with patch.object(stage, "_train_in_child", train):
        yield
