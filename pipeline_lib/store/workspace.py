"""The few things of a workspace that change: which batches there are, what is pinned, what ran.

    state/layout.json         which releases understand all of this (`store/layout.py`)
    state/home.json           where this workspace stands, so that it notices a move (`store/home.py`)
    state/catalog.json        the batches in their order; with the artifacts, all that the data half knows of the past
    state/pins/<name>.json    choices that stay until their owner changes them (tokenizer, held-out batches)
    state/given_up.json       batches that were given up, whose numbers and shares still hold
    state/landings/<source>.parquet   where the rows of a landing lie, for when it is lost (ingest/places.py)
    state/last/<step>.json    which fingerprints a step had last time: only for reasons and durations in `plan`
    state/forgotten.json      tombstones of what is forgotten; forgetting.json while it is taken out of artifacts
    state/unneeded.json       since when nothing has needed what gc will remove (keep/outlook.py)
    state/verify.json         how far everything has been read and compared (keep/verify.py)
    state/runs/<id>.json      one file a run: process, stage it is in, how it ended
    state/outbox/             what could not be shown to Prefect or MLflow yet (`store/outbox.py`)
    state/lock                held while a night works in this workspace, with the id of the process that does
    state/up.lock             the same for `nightshift up`
Each file is replaced as a whole. Of runs the newest KEPT_RUNS are kept. Losing `last` or `runs` loses comfort, never
data: what cannot be understood there is passed over with a word, what stands in the way is put aside under a name with
a date. A catalog or a pin decides what is made, so one that is not as it was written is an error; but not a pin that
the next night finds out by itself.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

import psutil
from pydantic import ConfigDict, Field

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.store.files import fsync_folder, open_lock, readable, remove_file, took_lock, translate_os_error
from pipeline_lib.store.holder import name_holder
from pipeline_lib.store.layout import check_layout, write_layout
from pipeline_lib.store.local import Store
from pipeline_lib.store.private import NO_OTHERS
from pipeline_lib.store.records import make_room, read_comfort, read_state, read_whole, write_comfort, write_state
from pipeline_lib.store.rewriting import finish

# Unix seconds, to the end of the year 9998 in every time zone: what a clock can show.
Seconds = Annotated[float, Field(ge=0, lt=253_370_764_800, allow_inf_nan=False)]
Kept = TypeVar("Kept")
ProcessId = Annotated[int, Field(gt=0, lt=2**31)]

KEPT_RUNS = 100  # all of them are read when a night begins, half a millisecond each
GROWING = ("last", "plans")  # hold something of each batch for ever, so nobody lists them: temporary names are above


@dataclass(frozen=True)
class Batch:
    """One ingest of one source that has been sealed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # a field that is not understood decides

    number: int  # from 1, in the order of the nights
    source: str
    fingerprint: str
    plan: str = ""  # digest of the plan it was made by, of which a copy is kept apart
    arrived: str = ""  # day (UTC) of the scan that found it, "2026-11-28"; "": before such days were kept
    landing: str = ""  # fingerprint of the landing it was read from, of a source without files of its own

    @property
    def name(self) -> str:
        """What people call it, and what its directory of reasons is called: 0003-installed_docs."""
        return f"{self.number:04d}-{self.source}"


@dataclass(frozen=True)
class RunRecord:
    """What is known of one run of a flow or a command."""

    run_id: Annotated[str, Field(pattern=r"\A[\w-]+\z")]  # it names a file
    flow: str
    process_id: ProcessId
    process_started: Seconds  # with the id it names a process for good
    started: Seconds
    state: str  # running, completed, failed, stopped (Ctrl-C, SIGTERM), killed
    stage: str = ""  # where it is, or where it ended
    stage_started: Seconds = 0.0
    ended: Seconds | None = None
    message: str = ""
    summary: Mapping[str, Any] | None = None
    flow_run_id: str | None = None  # Prefect's name for it
    profile: str = ""
    is_reaped: bool = False  # a killed or stopped run of which Prefect was told since
    stage_seconds: Mapping[str, Seconds] | None = None  # wall time inside stages, by stage, once the run has ended
    cpu_seconds: Mapping[str, Seconds] | None = None  # of what it made, by maker and by part of a work, the same way

    @property
    def is_alive(self) -> bool:
        """Whether the process that runs it is still there: neither gone, nor a zombie, nor another with its id."""
        try:
            process = psutil.Process(self.process_id)
            is_same = abs(process.create_time() - self.process_started) < 1.0
            return bool(is_same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def ended_as(self, how: str, at: float) -> Self:
        """This run, ended from outside ("killed", "stopped") at this Unix time."""
        clock = time.strftime("%H:%M", time.localtime(at))
        message = f"{how} in {self.stage or 'its start'} at {clock}; nightshift run goes on from there"
        return replace(self, state=how, message=message, ended=at)


@dataclass(frozen=True)
class Workspace:
    """The folder everything of one pipeline lies in."""

    root: Path

    @property
    def store(self) -> Store:
        """Its artifacts."""
        return Store(self.root / "artifacts")

    @property
    def state(self) -> Path:
        """Its mutable files."""
        return self.root / "state"

    def check_layout(self) -> None:
        """Raises `DataError` where this release does not understand what is there; to be asked before anything else."""
        check_layout(self.root)

    def batches(self) -> list[Batch]:
        """The sealed batches, oldest first."""
        return self._listed("catalog", "the next night then reads all sources again")

    def save_batches(self, batches: Sequence[Batch]) -> None:
        """Replace the list of batches."""
        self._list("catalog", batches)

    def given_up(self) -> list[Batch]:
        """The batches that were given up, in the order in which they were: their shares still hold."""
        return self._listed("given_up", "documents of lost batches may then change sides")

    def save_given_up(self, batches: Sequence[Batch]) -> None:
        """Replace the list of batches that were given up."""
        self._list("given_up", batches)

    def _listed(self, name: str, without: str) -> list[Batch]:
        advice = f"Put it back from a copy, or delete it: {without}."
        return read_state(self.state / f"{name}.json", list[Batch], advice=advice) or []

    def _list(self, name: str, batches: Sequence[Batch]) -> None:
        self._save(self.state / f"{name}.json", [_as_json(batch) for batch in batches])

    def pin(self, name: str, kind: type[Kept], *, without: str = "the choice is made anew") -> Kept | None:
        """What is pinned under that name, a record of this kind, or None. `without`: what a night does without it."""
        advice = f"Put it back from a copy, or delete it: {without}."
        return read_state(self._pin_path(name), kind, advice=advice)

    def pin_or_none(self, name: str, kind: type[Kept]) -> Kept | None:
        """The same of what the next night finds out by itself: None, with a word, where it is damaged."""
        return read_whole(self._pin_path(name), kind)

    def save_pin(self, name: str, value: Any) -> None:
        """Pin a record."""
        make_room(self._pin_path(name))
        self._save(self._pin_path(name), asdict(value))

    def drop_pin(self, name: str) -> None:
        """Forget what was pinned under that name."""
        remove_file(self._pin_path(name))

    def pinned(self, *, found_out: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """All pins by name, as JSON. Raises `DataError` for one that cannot be read; where its name begins as one of
        `found_out`, which the next night finds out by itself, it is passed over instead."""
        for path in sorted((self.state / "pins").glob("[!.]*.json")):
            read = self.pin_or_none if path.stem.startswith(found_out) else self.pin
            value = read(path.stem, dict[str, Any])
            if value is not None:
                yield path.stem, value

    def last(self, step: str) -> list[str]:
        """The fingerprints that step had when it last ran: its shards, then itself."""
        return read_comfort(self.state / "last" / f"{step}.json", list[str]) or []

    def remembered(self) -> Iterator[str]:
        """The names of all steps of which something is remembered."""
        return (path.stem for path in sorted((self.state / "last").glob("[!.]*.json")))

    def forget_last(self, step: str) -> None:
        """Remember nothing of a step any more."""
        (self.state / "last" / f"{step}.json").unlink(missing_ok=True)

    def save_last(self, step: str, fingerprints: Sequence[str]) -> None:
        """Remember the fingerprints of a step."""
        if self.last(step) != list(fingerprints):
            self._save_comfort(self.state / "last" / f"{step}.json", list(fingerprints), via=self.state)

    def runs(self) -> list[RunRecord]:
        """The recorded runs, oldest first; one whose process is gone without a word is shown as killed."""
        records = [_as_it_is(path) for path in (self.state / "runs").glob("*.json")]
        return sorted((record for record in records if record is not None), key=lambda record: record.started)

    def save_run(self, record: RunRecord) -> None:
        """Write down how a run stands."""
        self._save_comfort(self._run_path(record.run_id), asdict(record))

    def forget_runs(self, records: Sequence[RunRecord]) -> None:
        """Remove all but the newest KEPT_RUNS of the recorded runs, which are given oldest first."""
        for record in records[:-KEPT_RUNS]:
            with suppress(OSError):
                self._run_path(record.run_id).unlink()

    def beat(self, run_id: str) -> None:
        """Show that a run is alive: when it is killed, the time of its file says when."""
        with suppress(OSError):
            os.utime(self._run_path(run_id))

    def _save(self, path: Path, value: Any) -> None:
        write_layout(self.root)
        write_state(path, value)

    def _save_comfort(self, path: Path, value: Any, *, via: Path | None = None) -> None:
        write_layout(self.root)
        write_comfort(path, readable(value).encode(), via=via)

    def _pin_path(self, name: str) -> Path:
        return self.state / "pins" / f"{name}.json"

    def _run_path(self, run_id: str) -> Path:
        return self.state / "runs" / f"{run_id}.json"

    def sweep(self) -> None:
        """Remove what killed runs left under temporary names, and flush the names of what they have written.

        Only the holder of the lock may call this. Raises `UpstreamError` where the disk does not let it.
        """
        try:
            self._sweep()
        except OSError as exc:
            raise translate_os_error(exc, self.root) from exc

    def _sweep(self) -> None:
        self.store.sweep()
        folders = [self.state, *(path for path in self.state.glob("*") if path.is_dir() and path.name not in GROWING)]
        for folder in filter(Path.is_dir, folders):
            fsync_folder(folder)
        leftovers = [path for folder in folders for pattern in (".*.tmp", ".*.old") for path in folder.glob(pattern)]
        for path in leftovers:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that works here. Raises `WorkspaceBusy` at once when another one is at it.
        Raises `DataError` where this release does not understand what is there.

        The lock is the operating system's: it ends with the process that holds it, however that ends. Who holds it
        may take it again: the command line holds it around the flow, which takes it for itself where a worker runs it.
        """
        if self.root in _held:
            yield
            return
        self.check_layout()
        self.root.mkdir(parents=True, exist_ok=True, mode=NO_OTHERS)
        descriptor = open_lock(self.state / "lock")
        try:
            self._take(descriptor)
            write_layout(self.root)
            finish(self.store)
            _held.add(self.root)
            yield
        finally:
            if self.root in _held:
                os.ftruncate(descriptor, 0)  # nobody holds it
            _held.discard(self.root)
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        if not took_lock(descriptor):
            raise WorkspaceBusy(
                f"{self.root}: another run is at work here ({self._who(descriptor)}). "
                "Wait for it (nightshift status shows it), or use another workspace."
            )
        name_holder(descriptor)

    def _who(self, descriptor: int) -> str:
        process_id = os.read(descriptor, 20).decode(errors="replace") or "unknown: it begins or ends just now"
        stages = [run.stage for run in self.runs() if run.state == "running" and str(run.process_id) == process_id]
        return f"process {process_id}, in {(stages and stages[-1]) or 'its start'}"


def _as_json(batch: Batch) -> dict[str, Any]:
    """A batch without what it has nothing to say of: an earlier release of this layout reads on."""
    return {name: value for name, value in vars(batch).items() if name != "landing" or value}


_held: set[Path] = set()  # workspaces that this process has locked


def new_run(run_id: str, flow: str, profile: str) -> RunRecord:
    """The record of a run that this process starts now."""
    process = psutil.Process()
    return RunRecord(run_id, flow, process.pid, process.create_time(), time.time(), "running", profile=profile)


def _as_it_is(path: Path) -> RunRecord | None:
    record = read_comfort(path, RunRecord)
    if record is None or record.state != "running" or record.is_alive:
        return record
    return record.ended_as("killed", path.stat().st_mtime)
