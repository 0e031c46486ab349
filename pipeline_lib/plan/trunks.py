"""The trunks that a training may go on from: of each recipe the one that has read most. A night looks at these alone.

state/pins/trunks.json     their models: a line for each recipe, tokenizer and shape that was tried, not for each night

The list follows from the models that are there: where it is missing or damaged, or one of them is gone, all models are
looked at. How far a trunk has come is in its manifest: no file of a model is opened to choose between them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict

from pipeline_lib.store.artifact import Manifest, Ref, digest_of
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.stage import TRAIN

TRUNK = "trunk"  # the folder in a model, and the input of the one that goes on from it
PIN = "trunks"
DIVERGED_SHARE = 0.1  # a training that ends so much worse than it began is nobody's parent
NOT_OF_THE_RECIPE = ("first", "num_rows", "role")


@dataclass(frozen=True)
class Trunks:
    """What is pinned."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # a field that is not understood decides

    models: tuple[Ref, ...]


def trunks(workspace: Workspace) -> list[Manifest]:
    """The furthest model of each recipe; apart from those the furthest of each that is a trial, or diverged."""
    kept, store = workspace.pin_or_none(PIN, Trunks), workspace.store
    if kept is None or not all(store.is_present(ref) for ref in kept.models):
        return _furthest(model for model in store.list(TRAIN.name) if store.is_present(model.ref))
    return [store.read(ref.stage, ref.fingerprint) for ref in kept.models]


def keep_trunk(workspace: Workspace, model: Ref) -> None:
    """A model is there: a training may go on from it."""
    store = workspace.store
    found = _furthest([*trunks(workspace), store.read(model.stage, model.fingerprint)])
    kept = Trunks(tuple(sorted(one.ref for one in found)))
    if workspace.pin_or_none(PIN, Trunks) != kept:
        workspace.save_pin(PIN, kept)


def furthest(models: Iterable[Manifest]) -> Manifest | None:
    """The one that has read most; of equals the oldest."""
    return min(models, key=lambda model: (-_num_steps(model), model.created), default=None)


def is_out(model: Manifest) -> bool:
    """Whether a model is a trial, or diverged."""
    start, end = model.facts.get("start_bits_per_byte"), model.facts.get("end_bits_per_byte")
    has_diverged = start is not None and (end is None or not end <= start * (1 + DIVERGED_SHARE))  # null: not finite
    return has_diverged or model.settings.get("role") == "trial"


def recipe_of(decisive: Mapping[str, Any]) -> dict[str, Any]:
    """Of what decides a training what its line has in common: not how far it goes, nor whether it is a trial."""
    return {name: value for name, value in decisive.items() if name not in NOT_OF_THE_RECIPE}


def _furthest(models: Iterable[Manifest]) -> list[Manifest]:
    groups: dict[str, dict[str, Manifest]] = {}
    for model in models:
        groups.setdefault(_group(model), {})[model.fingerprint] = model
    found = (furthest(group.values()) for group in groups.values())
    return [model for model in found if model is not None]


def _group(model: Manifest) -> str:
    """What the models of one line have in common."""
    return digest_of([model.version, model.inputs["tokenizer"].fingerprint, recipe_of(model.settings), is_out(model)])


def _num_steps(model: Manifest) -> int:
    """Of all nights; of its own alone where a manifest does not say more yet."""
    return int(model.facts.get("total_trunk_steps", model.facts.get("trunk_steps", 0)))
