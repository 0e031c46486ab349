"""train: a trunk that goes on every night and a decayed branch of it that is judged.

The work is done in a process of its own, started by torchrun, so that its memory, its crashes and its native code are
not ours; this side starts it, passes its progress on, ends it at the deadline and takes its sealed result. `work`
belongs to one fingerprint and survives kills: called again with it, the training goes on from its newest whole
checkpoint, or its finished result is just taken.

`work/timings.json` holds what differs between two equal runs: `seconds` by part of the work and
`tokens_per_second`.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline_lib.base.errors import DataError, NightshiftError, StageTimeout, UpstreamError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.base.lifeline import end_orphans, spawn_guarded
from pipeline_lib.model.reading.snapshot import EXCLUDED_FILE, SHARDS_FILE, Arrived, read_excluded, read_shards
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import MANIFEST, Outcome
from pipeline_lib.store.files import is_full, no_space, read_json
from pipeline_lib.store.left_error import forget_error, left_error
from pipeline_lib.train.checkpoints import fault_in_part
from pipeline_lib.train.cursor import Cursor, read_cursor
from pipeline_lib.train.extent import shards_to_open
from pipeline_lib.train.job import (
    LOG_FILE,
    METRICS_FILE,
    RESULT_FOLDER,
    SUMMARY_FILE,
    TRUNK_FOLDER,
    Progress,
    TokensInput,
    TrainInputs,
    is_finished,
    read_metrics,
    write_job,
)
from pipeline_lib.train.lineage import SHAPE
from pipeline_lib.train.repeat import read_repeat, settings_of
from pipeline_lib.train.settings import TrainSettings

if TYPE_CHECKING:
    from pipeline_lib.run.inputs import Inputs

STAGE: Final = "train"

POLL_SECONDS = 0.5
TEMPORARY_FOLDER = "tmp"  # in the work folder
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
# One process meets nobody: a file will do for it to say that it is there.
TORCHRUN = (
    *(sys.executable, "-m", "pipeline_lib.train.torchrun", "--nproc-per-node=1", "--local-addr=127.0.0.1"),
    *("--rdzv-backend=c10d", "--rdzv-conf=store_type=file", "--rdzv-id=night"),
)
COMMAND = (*TORCHRUN, "-m", "pipeline_lib.train.worker")  # and the work folder
FACTS: Final = (
    "start_bits_per_byte",
    "end_bits_per_byte",
    "first_loss",
    "trunk_loss",
    "branch_loss",
    "num_rows",
    "num_steps",
    "trunk_steps",
    "total_trunk_steps",
    "warmup_steps",
    "decay_steps",
    "num_epochs",
    "num_tokens",
    "num_parameters",
    "read",
    "unread_tokens",
    "precision",
    "device",
    "threads",
)
READS: Final = (
    *SHAPE,
    "context_tokens",
    "packing",
    "document_borders",
    "learning_rate",
    "weight_decay",
    "max_grad_norm",
    "batch_rows",
    "warmup_share",
    "decay_share",
    "least_decay_steps",
    "replay_share",
    "precision",
    "seed",
    "role",
)


def make_model(settings: TrainSettings, inputs: "Inputs", folder: Path) -> Outcome:
    """Train on what the snapshot has that the trunk has not read, up to the planned end, `params["num_rows"]`."""
    return run(settings, train_inputs(settings, inputs), inputs.work_folder, folder, on_progress=inputs.report)


def train_inputs(settings: TrainSettings, inputs: "Inputs") -> TrainInputs:
    """Open what the training reads, verified."""
    from pipeline_lib.store.schemas import DOCUMENTS_FILE

    trunk = inputs.folder("trunk") / TRUNK_FOLDER if inputs.has("trunk") else None
    recorded = settings_of(settings, read_repeat(inputs.work_folder))
    shards = read_shards(inputs.file("snapshot", SHARDS_FILE))
    return TrainInputs(
        tokens=tokens_inputs(recorded, inputs, read_cursor(trunk, shards), shards),
        num_rows=int(inputs.params["num_rows"]),
        tokenizer=inputs.folder("tokenizer"),
        trunk=trunk,
        heldout=(inputs.file("benchmark", DOCUMENTS_FILE),) if inputs.has("benchmark") else (),
    )


def tokens_inputs(
    settings: TrainSettings, inputs: "Inputs", cursor: Cursor, shards: Sequence[Arrived], *, is_read: bool = True
) -> tuple[TokensInput, ...]:
    """The token shards of the snapshot, in order of arrival; only those that the training needs are opened.

    Without `is_read` their tokens are not asked for, so that what has left since may be gone.
    """
    from pipeline_lib.store.joined import place_of, place_without

    excluded = read_excluded(inputs.file("snapshot", EXCLUDED_FILE))
    wanted = shards_to_open(settings, cursor, shards, int(inputs.params["num_rows"]))

    def opened(one: Arrived) -> TokensInput:
        if one.shard not in wanted:
            return TokensInput(one)
        own = excluded.get(one.shard, ())
        path, span = place_without(inputs.store, one.shard, own) if is_read else place_of(inputs.store, one.shard)
        return TokensInput(one, path, own, span)

    return tuple(map(opened, shards))


def run(
    settings: TrainSettings,
    inputs: TrainInputs,
    work: Path,
    folder: Path,
    *,
    on_progress: Callable[[Progress], None],
) -> Outcome:
    """Train, and put `model/`, `trunk/` and `training.json` into `folder`. Rows are rows of tokens.

    `on_progress` gets every step once it is done; after a resume it gets those from before the kill again.
    Raises `StageTimeout` at the deadline, after a checkpoint, and what the training process raised.
    """
    if not is_finished(work):
        work.mkdir(parents=True, exist_ok=True)
        write_job(work, settings, inputs)
        _train_in_child(settings, work, time.monotonic() + settings.deadline_minutes * 60, on_progress)
    _take(work / RESULT_FOLDER, folder)
    _take(work / TRUNK_FOLDER, folder / TRUNK_FOLDER)
    summary = read_json(folder / SUMMARY_FILE)
    num_rows = summary["num_rows"]
    return Outcome(rows_in=num_rows, rows_out=num_rows, facts={name: summary[name] for name in FACTS})


def _train_in_child(
    settings: TrainSettings, work: Path, deadline: float, on_progress: Callable[[Progress], None]
) -> None:
    forget_error(work)
    on_progress(Progress(step=0, num_steps=0, phase="starting"))
    with (work / LOG_FILE).open("ab") as log:
        child = spawn_guarded(
            (*COMMAND, str(work.absolute())), env=_environment(settings, work), stdout=log, stderr=log, cwd=work
        )
    try:
        status = _follow(child, work / METRICS_FILE, deadline, on_progress)
    finally:
        _end(child)
    if status is None:
        raise StageTimeout(
            f"train: passed its deadline and was stopped; its checkpoints are in {work}. "
            "Raise train.deadline_minutes or lower train.budget_minutes, then run again: it goes on there."
        )
    if not is_finished(work):
        raise _failure(work, status)


def _environment(settings: TrainSettings, work: Path) -> Mapping[str, str]:
    """Of the child: the threads that the settings say, no thought of a network, and temporary files that go with the
    work folder (torchrun leaves a folder for each training)."""
    temporary = work.absolute() / TEMPORARY_FOLDER
    temporary.mkdir(exist_ok=True)
    return {
        **os.environ,
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": str(settings.threads),
        "MKL_NUM_THREADS": str(settings.threads),
        "HF_HUB_OFFLINE": "1",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        "GLOO_SOCKET_IFNAME": LOOPBACK,
        "PYTHONUNBUFFERED": "1",
    }


def _follow(
    child: "subprocess.Popen[bytes]", metrics: Path, deadline: float, on_progress: Callable[[Progress], None]
) -> int | None:
    """Pass rows on until the child ends; its exit status, or None at the deadline."""
    offset, status = 0, None
    while status is None and time.monotonic() < deadline:
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        status = child.poll()
        rows, offset = read_metrics(metrics, offset=offset)
        for row in rows:
            failpoint(STAGE, "progress")
            on_progress(Progress(**row))
    return status


def _end(child: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, on which a checkpoint is written; SIGKILL follows after a grace, from the supervisor. Nobody goes on
    writing into the work folder: neither where the supervisor was killed."""
    if child.poll() is None:
        child.terminate()
    if child.wait() < 0:
        end_orphans(child.pid)


def _failure(work: Path, status: int) -> NightshiftError:
    """The error the child left, or, when it could not leave one, that it was killed."""
    if (left := left_error(work)) is not None:
        return left
    if is_full(work):  # so it could leave none
        return no_space(work)
    return UpstreamError(
        f"train: its process was ended from outside (status {status}; out of memory?). What it printed is in "
        f"{work / LOG_FILE}. Run the same command again: it goes on from its newest checkpoint."
    )


def _take(source: Path, target: Path) -> None:
    """Link the files of a sealed folder into the artifact; the folder stays until `work` is deleted."""
    fault = fault_in_part(source)
    if fault is not None:
        raise DataError(f"{source}: {fault}. Delete {source.parent} and run again.")
    ignore = shutil.ignore_patterns(MANIFEST)
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True, ignore=ignore)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copyfile(source, target)


TRAIN: Final = Maker(
    "train.model", 1, "model.v1", make_model, reads=READS, is_light=True
)  # it has a process of its own
MAKERS: Final = (TRAIN,)
