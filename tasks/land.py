"""Asking the sources that have no files of their own: what they answer lands here, and is looked at then."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.ingest import works
from pipeline_lib.ingest.places import keep_places, kept_beside, places_path
from pipeline_lib.ingest.plan import PROGRESS_FILE
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.plan.landings import save_landing, whole_landing
from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from tasks.night import Night
from tasks.steps import do_step

LOOK_SECONDS = 1.0


def land(source: Source, night: Night) -> None:
    """Ask one source for what it holds; what it gave last time is not fetched again, unless that is lost."""
    before = whole_landing(night.workspace, source)
    try:
        landing = _ask(source, before, night)
    except DamagedArtifact as exc:
        if before is None or Ref(exc.stage, exc.fingerprint) != before:
            raise
        night.reporter.say(f"the landing of {source.name} is damaged: all of it is fetched again")
        landing = _ask(source, None, night)
    save_landing(night.workspace, source, _kept(landing, before, source, night.workspace))
    shutil.rmtree(kept_beside(places_path(night.workspace.root, source.name)), ignore_errors=True)


def _kept(landing: Ref, before: Ref | None, source: Source, workspace: Workspace) -> Ref:
    """The landing that stays: the one before, where the source had nothing new to say."""
    store, places = workspace.store, places_path(workspace.root, source.name)
    is_same = before is not None and store.is_present(before) and _digest(before, store) == _digest(landing, store)
    if not is_same or not places.is_file():
        keep_places(store.path(landing.stage, landing.fingerprint), places)
    if before is None or not is_same:
        return landing
    store.remove(landing)
    return before


def _digest(landing: Ref, store: Store) -> str:
    return store.read(landing.stage, landing.fingerprint).digest


def _ask(source: Source, before: Ref | None, night: Night) -> Ref:
    asked = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    work = works.land(night.settings.of(IngestSettings), source.name, asked, before)
    step = Step("ingest", f"landing of {source.name}", (), (work,), work, todo=frozenset([work.ref]))
    with _watched(source, night):
        do_step(step, night, {work.ref: work})
    return work.ref


@contextmanager
def _watched(source: Source, night: Night) -> Iterator[None]:
    """Tell how far a landing is that leaves word of it: it is made in a worker, which can tell nobody."""
    path = kept_beside(places_path(night.workspace.root, source.name)) / PROGRESS_FILE
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_SECONDS):
            try:
                told = read_json(path)
                night.reporter.progress(told["done"], told["total"], told["note"])
            except (OSError, ValueError, KeyError):
                continue  # nothing to tell yet, or nobody who does

    thread = threading.Thread(target=watch, name="watch of a landing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
