"""Which trunk a night goes on from, and what is left for it to read.

Models go on from each other when tokenizer and shape are the same; other rules and other text do not end a line. Among
those that could be the parent it is one of today's recipe, if there is one, else one of the champion's line; then the
one that has read most; then the older. Never a trial, never one that diverged. No choice falls by a hash.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.reading.snapshot import Arrived, read_shards
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import VERSION, promotions, registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.shards import SHARDS_FILE
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.cursor import CURSOR_FILE, Cursor, first_place, read_cursor, unread
from pipeline_lib.train.extent import planned_rows, text_of
from pipeline_lib.train.lineage import SHAPE, TRUNK_FILE
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN

TRUNK = "trunk"  # the folder in a model, and the input of the one that goes on from it
DIVERGED_SHARE = 0.1  # a training that ends so much worse than it began is nobody's parent
NOT_OF_THE_RECIPE = ("first", "num_rows", "role")


@dataclass(frozen=True)
class Line:
    """Where tonight's training would begin."""

    parent: Manifest | None
    has_unread: bool
    params: Mapping[str, Any]  # the first place it reads, and its planned end
    notes: tuple[str, ...]


def line_of(settings: Settings, workspace: Workspace, data: DataPlan) -> Line:
    """The parent of tonight's training, and what is unread. Raises `SettingsError` where it may not start anew."""
    own = settings.of(TrainSettings)
    models = list(workspace.store.list(TRAIN.name))
    parent = None if own.restart == "always" else _parent(settings, workspace, data, models)
    if parent is None and models and own.restart == "never":
        raise SettingsError(
            "train.restart is 'never', and no trunk has this tokenizer and shape. Set the old ones again, or "
            "train.restart = 'tokenizer_or_shape' to start from scratch."
        )
    shards = _shards(workspace.store, data)
    if shards is None:
        return Line(parent, True, {}, _notes(parent, None))
    cursor = cursor_of(workspace.store, parent)
    left = unread(cursor, text_of(own, shards))
    if not left:
        return Line(parent, False, {}, _notes(parent, 0))
    params = {"first": first_place(cursor, text_of(own, shards)), "num_rows": planned_rows(own, cursor, shards)}
    return Line(parent, True, params, _notes(parent, left))


def cursor_of(store: Store, parent: Manifest | None) -> Cursor:
    """What a trunk has read."""
    if parent is None:
        return Cursor()
    return read_cursor(_trunk(store, parent, CURSOR_FILE))


def _parent(settings: Settings, workspace: Workspace, data: DataPlan, models: Sequence[Manifest]) -> Manifest | None:
    own = settings.of(TrainSettings)
    shape = own.decisive(SHAPE)
    fitting = [model for model in models if _fits(model, data, shape) and not _is_out(model)]
    recipe = own.decisive(TRAIN.reads)
    alike = [model for model in fitting if _recipe(model) == recipe]
    chosen = alike or _in_line(fitting, models, _champion(settings, workspace)) or fitting
    steps = {model.fingerprint: _num_steps(workspace.store, model) for model in chosen}
    return min(chosen, key=lambda model: (-steps[model.fingerprint], model.created), default=None)


def _fits(model: Manifest, data: DataPlan, shape: Mapping[str, Any]) -> bool:
    is_same_shape = {name: model.settings.get(name) for name in SHAPE if name in model.settings} == shape
    return is_same_shape and model.inputs["tokenizer"] == data.tokenizer.ref and model.version == TRAIN.version


def _is_out(model: Manifest) -> bool:
    """Whether a model is a trial, or diverged."""
    start, end = model.facts.get("start_bits_per_byte"), model.facts.get("end_bits_per_byte")
    has_diverged = start is not None and (end is None or not end <= start * (1 + DIVERGED_SHARE))  # null: not finite
    return has_diverged or model.settings.get("role") == "trial"


def _recipe(model: Manifest) -> dict[str, Any]:
    return {name: value for name, value in model.settings.items() if name not in NOT_OF_THE_RECIPE}


def _champion(settings: Settings, workspace: Workspace) -> str | None:
    """The model of the version that was promoted last, by the ledger."""
    registry = registry_of(settings.of(RegisterSettings), workspace.root)
    moves = [move for move in promotions(registry) if move.name == registry.name]
    for found in workspace.store.list(VERSION.name) if moves else ():
        if (found.facts.get("name"), found.facts.get("version")) == (registry.name, moves[-1].version):
            return found.inputs["model"].fingerprint
    return None


def _in_line(fitting: Iterable[Manifest], models: Sequence[Manifest], champion: str | None) -> list[Manifest]:
    """The champion and those that went on from it."""
    parents = {model.fingerprint: model.inputs[TRUNK].fingerprint for model in models if TRUNK in model.inputs}

    def is_in(name: str) -> bool:
        while name != champion and name in parents:
            name = parents[name]
        return name == champion

    return [model for model in fitting if champion is not None and is_in(model.fingerprint)]


def _num_steps(store: Store, model: Manifest) -> int:
    return int(read_json(_trunk(store, model, TRUNK_FILE) / TRUNK_FILE)["num_steps"])


def _trunk(store: Store, model: Manifest, file: str) -> Path:
    return store.open(TRAIN.stage, model.fingerprint, files=[f"{TRUNK}/{file}"]).path / TRUNK


def _shards(store: Store, data: DataPlan) -> list[Arrived] | None:
    """The token shards of the snapshot; None while it is not made."""
    ref = data.snapshot.whole.ref
    if not store.is_present(ref):
        return None
    return read_shards(store.open(ref.stage, ref.fingerprint, files=[SHARDS_FILE]).file(SHARDS_FILE))


def _notes(parent: Manifest | None, left: int | None) -> tuple[str, ...]:
    begin = (
        "training starts from scratch" if parent is None else f"training goes on from model {parent.fingerprint[:8]}"
    )
    if left is None:
        return (begin,)
    return (f"{begin}; {left:,} tokens are unread",) if left else ("all text is read: nothing is trained",)
