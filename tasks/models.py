"""The model half as Prefect tasks: training with its progress, and what is shown of the result."""

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from pipeline_lib.evaluate.stage import SCORES_FILE
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.models import ModelsPlan
from pipeline_lib.storage import read_json
from pipeline_lib.tracking import MlflowTracker, place_of
from pipeline_lib.train.job import SUMMARY_FILE, TIMINGS_FILE, Progress
from pipeline_lib.work import Step, StepResult, missing
from tasks.gate import Verdict
from tasks.night import Night
from tasks.stages import do_step

PROGRESS_KEY = "training-progress"
SCORES_KEY = "model-scores"
UPDATE_SECONDS = 2.0


class TrainingShow:
    """Hands each step of the training on: a bar at the terminal, an artifact in the Prefect UI, curves in MLflow."""

    def __init__(self, night: Night, tracker: MlflowTracker) -> None:
        self._night, self._tracker = night, tracker
        self._artifact: UUID | None = None
        self._updated = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        if progress.loss is None:
            return
        note = f"{progress.phase}  loss {progress.loss:.3f}"
        self._night.reporter.progress(progress.step, progress.num_steps, note)
        figures = {
            "train/loss": progress.loss,
            "train/learning_rate": progress.learning_rate,
            "train/grad_norm": progress.grad_norm,
            "train/tokens_per_second": progress.tokens_per_second,
        }
        self._tracker.log_metrics({k: v for k, v in figures.items() if v is not None}, step=progress.step)
        self._show(100 * progress.step / max(progress.num_steps, 1))

    def _show(self, percent: float) -> None:
        if time.monotonic() - self._updated < UPDATE_SECONDS and percent < 100:
            return
        self._updated = time.monotonic()
        if self._artifact is None:
            made = create_progress_artifact(percent, key=PROGRESS_KEY, description="Steps of tonight's training")
            self._artifact = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self._artifact, percent)


def do_train(step: Step, night: Night) -> StepResult:
    """Train as a Prefect task; its curves are in MLflow, in a run that is found by the model's fingerprint."""
    if not missing(step, night.workspace.store):
        return do_step(step, night)
    name = step.whole.fingerprint
    work_folder = night.workspace.root / "work" / "train" / name
    place = place_of(night.settings.register.tracking_uri, night.workspace.root)
    experiment = night.settings.register.experiment
    with MlflowTracker(place, experiment=experiment, key=name, name=f"{night.settings.profile}-{name[:8]}") as tracker:
        tracker.log_params(dict(flat(night.settings.model_dump(mode="json"))))
        make = partial(step.whole.make, work_folder=work_folder, on_progress=TrainingShow(night, tracker))
        result = do_step(replace(step, whole=replace(step.whole, make=make)), night)
        timings = _timings(work_folder)
        tracker.log_metrics({f"time/{part}_seconds": seconds for part, seconds in timings.items()}, step=0)
    shutil.rmtree(work_folder, ignore_errors=True)
    return result


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a tree of settings."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _timings(work_folder: Path) -> dict[str, float]:
    path = work_folder / TIMINGS_FILE
    return dict(read_json(path).get("seconds", {})) if path.is_file() else {}


def publish_scores(models: ModelsPlan, verdict: Verdict, night: Night) -> dict[str, Any]:
    """Show the scores of challenger, int8 variant and champion side by side, and give the figures for the summary."""
    store = night.workspace.store
    scored = {"challenger": models.evaluate, "challenger int8": models.evaluate_int8}
    if verdict.champion_scores is not None:
        scored["champion"] = verdict.champion_scores
    scores = {
        name: read_json(store.path(step.whole.stage, step.whole.fingerprint) / SCORES_FILE)
        for name, step in scored.items()
    }
    training = read_json(store.path(models.train.whole.stage, models.train.whole.fingerprint) / SUMMARY_FILE)
    create_table_artifact(
        key=SCORES_KEY,
        table=[
            {"model": name, **{k: v for k, v in found.items() if not isinstance(v, dict)}}
            for name, found in scores.items()
        ],
        description=f"On the same held-out documents. {verdict.sentence}",
    )
    return {"scores": scores, "training": training, "verdict": verdict.sentence, "version": verdict.version}


def name_run(data: DataPlan, night: Night) -> None:
    """Give the Prefect runs of this night a name that says the snapshot and the profile."""
    whole = data.tokens.snapshot.whole
    digest = str(night.workspace.store.read(whole.stage, whole.fingerprint).facts["digest"])
    with get_client(sync_client=True) as client:
        for run_id, flow in {
            (flow_run.get_id(), flow_run.get_flow_name()),
            (night.record.flow_run_id, night.record.flow),
        }:
            if run_id is not None:
                client.update_flow_run(UUID(run_id), name=f"{flow}-{night.settings.profile}-{digest[:8]}")


def own_flow_run_id() -> str | None:
    """Prefect's id of the flow run this code is in."""
    found: str | None = flow_run.get_id()
    return found
