"""What the stage and its training process say to each other: files in the work folder, never memory.

job.json       settings and input paths, from the stage
plan.json      the steps, decided once: a resumed run reads it, so that it takes the same ones
metrics.jsonl  one row a step, appended; after a resume a step may come again, and its later row counts
timings.json   seconds by part of the work and tokens per second: all that differs between two equal runs
error.json     kind and message of an error of ours
train.log      what the process printed
start.json     bits per byte of the untrained model
repeat.json    what a lost training did, where this one makes it again (repeat.py)
trunk-phase/, branch-phase/    checkpoints of the two phases
trunk/, result/                sealed folders: what is done, and stays done after a kill
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.parts import Span
from pipeline_lib.train.checkpoints import is_whole
from pipeline_lib.train.settings import TrainSettings

JOB_FILE = "job.json"
STEPS_FILE = "plan.json"
METRICS_FILE = "metrics.jsonl"
TIMINGS_FILE = "timings.json"
LOG_FILE = "train.log"
START_FILE = "start.json"
SUMMARY_FILE = "training.json"
TRUNK_FOLDER = "trunk"
RESULT_FOLDER = "result"
MODEL_FOLDER = "model"


@dataclass(frozen=True)
class TokensInput:
    """A token shard of the snapshot."""

    arrived: Arrived
    path: Path | None = None  # None: it is not read tonight
    excluded: tuple[str, ...] = ()  # ids of documents
    span: Span | None = None  # its rows in the file; None: all of them


@dataclass(frozen=True)
class TrainInputs:
    """What a training reads. No `trunk` means a new lineage; the trunk carries the cursor."""

    tokens: tuple[TokensInput, ...]  # in order of arrival
    num_rows: int  # the planned end: of trunk and branch together
    tokenizer: Path
    trunk: Path | None
    heldout: tuple[Path, ...]


@dataclass(frozen=True)
class Progress:
    """One step of the training, as it went. `loss` is in nats per token; numbers are None before the first step."""

    step: int
    num_steps: int
    phase: str  # "starting", "trunk" or "branch"
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None


def write_job(work: Path, settings: TrainSettings, inputs: TrainInputs) -> None:
    """Leave the order for the training process, which works in another folder than ours: all paths are absolute."""
    order = {
        "tokens": [
            {
                "arrived": asdict(one.arrived),
                "path": _absolute(one.path),
                "excluded": one.excluded,
                "span": None if one.span is None else [one.span.first, one.span.count, _absolute(one.span.left)],
            }
            for one in inputs.tokens
        ],
        "num_rows": inputs.num_rows,
        "tokenizer": _absolute(inputs.tokenizer),
        "trunk": _absolute(inputs.trunk),
        "heldout": [_absolute(path) for path in inputs.heldout],
    }
    write_json(work / JOB_FILE, {"settings": settings.model_dump(mode="json"), "inputs": order})


def read_job(work: Path) -> tuple[TrainSettings, TrainInputs]:
    """The order that `write_job` left."""
    job = read_json(work / JOB_FILE)
    order: Mapping[str, Any] = job["inputs"]
    inputs = TrainInputs(
        tokens=tuple(
            TokensInput(Arrived(**one["arrived"]), _path(one["path"]), tuple(one["excluded"]), _span(one["span"]))
            for one in order["tokens"]
        ),
        num_rows=order["num_rows"],
        tokenizer=Path(order["tokenizer"]),
        trunk=_path(order["trunk"]),
        heldout=tuple(map(Path, order["heldout"])),
    )
    return TrainSettings.model_validate(job["settings"]), inputs


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _span(value: Sequence[Any] | None) -> Span | None:
    return None if value is None else Span(value[0], value[1], Path(value[2]))


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def read_metrics(path: Path, *, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The whole rows from byte `offset` on, and the offset behind them. A half row at the end waits for its rest."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return list(_parse(whole)), offset + len(whole)


def _parse(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:
            continue  # cut off by a kill; the resumed run wrote that step again


def is_finished(work: Path) -> bool:
    """Whether the training of this folder is done and unharmed."""
    return is_whole(work / RESULT_FOLDER) and is_whole(work / TRUNK_FOLDER)
