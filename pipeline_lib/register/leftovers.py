"""What is left in the workspace's own MLflow and stands for nothing: runs of long ago, files of no version.

A run is marked as deleted, as MLflow's own pages do it, and its files are removed; its rows stay until `mlflow gc`. In
an MLflow that `register.tracking_uri` names, a server or a file, nothing is looked for: its owner decides what goes
there, and others use it.
"""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.model.tracking import RUN_KEY
from pipeline_lib.register.registry import FILES_TAG, Registry, client_of
from pipeline_lib.register.standing import Standing, paged
from pipeline_lib.store.addresses import FILES_OF_MLFLOW, path_of
from pipeline_lib.store.home import as_it_stands

RUN, FILES = "runs in MLflow", "files of no version in MLflow"


@dataclass(frozen=True)
class Leftover:
    """A run, or the files of a model that were uploaded."""

    kind: str
    id: str
    model: str  # the fingerprint of the model that it is of
    begun: float  # Unix seconds
    folder: Path | None  # with its files, where it has any


def leftovers(registry: Registry, versions: Collection[Standing]) -> list[Leftover]:
    """The runs of trainings, and uploaded files, that no version stands on. Raises `UpstreamError` as the registry."""
    if not registry.place.is_own or not registry.place.database.is_file():
        return []
    root = registry.place.database.parent
    with client_of(registry) as client:
        found = [*_runs(client, root), *_files(client, root)]
    return [one for one in found if not any(_stands_on(version, one) for version in versions)]


def remove(registry: Registry, left: Leftover) -> None:
    """Delete it, its files last: cut off before, the rows say that it is gone, and its files are met as nobody's."""
    with client_of(registry) as client:
        (client.delete_run if left.kind == RUN else client.delete_logged_model)(left.id)
    if left.folder is not None:
        shutil.rmtree(left.folder, ignore_errors=True)


def _stands_on(version: Standing, left: Leftover) -> bool:
    """Whether a version is of this run, or has these files: MLflow tells of both by their ids."""
    return left.id == version.run_id or left.id in version.source


def _runs(client: Any, root: Path) -> Iterator[Leftover]:
    for run in paged(client.search_runs, _experiments(client)):
        if RUN_KEY in run.data.tags:
            begun = (run.info.end_time or run.info.start_time or 0) / 1000
            folder = _folder(run.info.artifact_uri, root)
            yield Leftover(RUN, str(run.info.run_id), str(run.data.tags[RUN_KEY]), begun, folder)


def _files(client: Any, root: Path) -> Iterator[Leftover]:
    for model in paged(client.search_logged_models, _experiments(client)):
        if FILES_TAG in model.tags:
            folder = _folder(model.artifact_location, root)
            key = str(model.tags.get("nightshift.model_fingerprint", ""))
            yield Leftover(FILES, str(model.model_id), key, model.last_updated_timestamp / 1000, folder)


def _experiments(client: Any) -> list[str]:
    return [str(one.experiment_id) for one in paged(client.search_experiments)]


def _folder(address: str, root: Path) -> Path | None:
    """Where the files lie; None where that is not among the workspace's own."""
    path = path_of(as_it_stands(address, root))
    if path is None or not path.is_dir() or not path.resolve().is_relative_to((root / FILES_OF_MLFLOW).resolve()):
        return None
    return path.parent if path.name == "artifacts" else path
