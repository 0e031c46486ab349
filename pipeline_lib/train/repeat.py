"""A lost training made again: by what it said of itself, not by today's settings.

What fixes the bits on a CPU beside settings and inputs is in training.json and in the manifest: steps, threads,
precision, passes. Whoever finds that a training is lost leaves that in the work folder, before the maker is called; the
training then takes the same steps and, on the same kind of machine, ends with the same bits.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.steps import Steps

REPEAT_FILE: Final = "repeat.json"
SETTINGS: Final = ("threads", "precision", "num_epochs")
STEPS: Final = ("num_steps", "trunk_steps", "warmup_steps", "decay_steps")


def leave_repeat(work: Path, recorded: Mapping[str, Any]) -> None:
    """Ask for the training that these facts of a manifest tell of."""
    write_json(work / REPEAT_FILE, {name: recorded[name] for name in (*SETTINGS, *STEPS)})


def read_repeat(work: Path) -> Mapping[str, Any] | None:
    """What is asked to be repeated, if anything is."""
    recorded: Mapping[str, Any] | None = read_json(work / REPEAT_FILE) if (work / REPEAT_FILE).exists() else None
    return recorded


def settings_of(settings: TrainSettings, recorded: Mapping[str, Any] | None) -> TrainSettings:
    """The settings with what the lost training had of its own."""
    return settings if recorded is None else settings.model_copy(update={name: recorded[name] for name in SETTINGS})


def steps_of(recorded: Mapping[str, Any]) -> Steps:
    """The steps of the lost training."""
    return Steps(**{name: recorded[name] for name in STEPS}, most_trunk_steps=recorded["trunk_steps"])
