"""The training of a night: its progress at the terminal and in the Prefect UI, its curves in MLflow while it runs."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.model import curves
from pipeline_lib.model.tracking import RECEIVER as MLFLOW
from pipeline_lib.model.tracking import MlflowTracker, Point, lines_of, place_of
from pipeline_lib.plan.basis import BEGUN
from pipeline_lib.plan.trunks import keep_trunk
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.report.records import shared_page
from pipeline_lib.run.execute import Graph, work_folder_of
from pipeline_lib.run.step import Done, Step
from pipeline_lib.store.files import read_json
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.train.job import METRICS_FILE, TIMINGS_FILE, Progress, read_metrics
from pipeline_lib.train.repeat import leave_repeat
from tasks.night import Night
from tasks.steps import do_step

PROGRESS_KEY = "training-progress"
PAGE_IN_MLFLOW = "refresh.html"  # of the data that is learned, without samples of them
UPDATE_SECONDS = 2.0


def curves_of(progress: Progress) -> dict[str, float]:
    """The values of one step, by the names of their curves."""
    figures = {
        "train/loss": progress.loss,
        "train/learning_rate": progress.learning_rate,
        "train/grad_norm": progress.grad_norm,
        "train/tokens_per_second": progress.tokens_per_second,
    }
    return {name: value for name, value in figures.items() if value is not None}


class TrainingShow:
    """Hands each step of the training on."""

    def __init__(self, night: Night, tracker: MlflowTracker) -> None:
        self._night, self._tracker = night, tracker
        self._updated = 0.0

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        if progress.loss is None:
            return
        note = f"steps, {progress.phase}, loss {progress.loss:.3f}"
        self._night.reporter.progress(progress.step, progress.num_steps, note)
        self._tracker.log_metrics(curves_of(progress), step=progress.step)
        percent = 100 * progress.step / max(progress.num_steps, 1)
        if time.monotonic() - self._updated >= UPDATE_SECONDS or percent >= 100:
            self._updated = time.monotonic()
            self._night.runtime.progress(PROGRESS_KEY, percent, "Steps of tonight's training")


def do_train(step: Step, night: Night, graph: Graph) -> Done:
    """Train; the MLflow run is found by the model's fingerprint, so that a training that goes on goes on in it."""
    place = place_of(night.settings.of(RegisterSettings).tracking_uri, night.workspace.root)
    if number := curves.deliver(night.workspace.root, place):
        night.reporter.say(curves.said(number))
    done = _done(step, night, graph)
    keep_trunk(night.workspace, step.whole.ref)
    return done


def _done(step: Step, night: Night, graph: Graph) -> Done:
    ref = step.whole.ref
    work_folder = work_folder_of(night.workspace.root, ref)
    if not step.missing(night.workspace.store):
        _keep_curves(step, night, work_folder)  # of a run that was killed between its model and its curves
        shutil.rmtree(work_folder, ignore_errors=True)
        return do_step(step, night, graph)
    night.workspace.save_pin(BEGUN, ref)
    for work in step.missing(night.workspace.store):
        lost = night.workspace.store.condition(work.ref).manifest
        if lost is not None:
            leave_repeat(work_folder_of(night.workspace.root, work.ref), lost.facts)
    own = night.settings.of(RegisterSettings)
    place = place_of(own.tracking_uri, night.workspace.root)
    name, outbox = _name(step, night), Outbox(night.workspace.root, MLFLOW)
    with MlflowTracker(place, experiment=own.experiment, key=ref.fingerprint, name=name, outbox=outbox) as tracker:
        tracker.log_params(dict(flat(night.settings.model_dump(mode="json"))))
        share_page(night, tracker)
        done = do_step(step, night, graph, report=TrainingShow(night, tracker))
        tracker.log_metrics({f"time/{part}_seconds": s for part, s in _timings(work_folder).items()}, step=0)
    shutil.rmtree(work_folder, ignore_errors=True)
    return done


def share_page(night: Night, tracker: MlflowTracker) -> None:
    """Put the page of the data that is learned beside the curves; where it cannot be, that is said."""
    try:
        page = shared_page(night.workspace)
    except Exception as exc:  # noqa: BLE001 - a page is only shown: whatever it fails of, the training goes on
        why = str(exc) if isinstance(exc, NightshiftError) else type(exc).__name__
        night.reporter.say(
            f"the page of this refresh cannot be read ({why}), so MLflow gets none. Remove it: nightshift report "
            "makes it anew"
        )
        return
    if page is not None:
        tracker.log_text(PAGE_IN_MLFLOW, page)


def _name(step: Step, night: Night) -> str:
    return f"{night.settings.profile}-{step.whole.ref.fingerprint[:8]}"


def _keep_curves(step: Step, night: Night, work_folder: Path) -> None:
    """Keep what a training has left in its work folder, for `deliver` to send as far as MLflow does not have it."""
    path = work_folder / METRICS_FILE
    if not path.is_file():
        return
    own, at_ms = night.settings.of(RegisterSettings), int(1000 * path.stat().st_mtime)
    steps = [Progress(**row) for row in read_metrics(path)[0]]
    points = [Point(key, value, at_ms, one.step) for one in steps for key, value in curves_of(one).items()]
    place = place_of(own.tracking_uri, night.workspace.root)
    run = {"place": place.shown, "experiment": own.experiment, "name": _name(step, night), "tags": {}}
    params = {name: str(value) for name, value in flat(night.settings.model_dump(mode="json"))}
    lines = lines_of(run | {"status": "FINISHED"}, params, points)
    Outbox(night.workspace.root, MLFLOW).keep(step.whole.ref.fingerprint, lines)


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
