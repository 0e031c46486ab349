"""Which trunk a night goes on from, and what is left for it to read.

Models go on from each other when tokenizer and shape are the same; other rules and other text do not end a line. Among
those that could be the parent it is one of today's recipe, if there is one, else one of the champion's line; then the
one that has read most; then the older. Never a trial, never one that diverged. No choice falls by a hash. Of each
recipe only the trunk that has read most is asked (trunks.py), and the champion: not all models that there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.reading.snapshot import Arrived, read_shards
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.registered import champion_of, model_of
from pipeline_lib.plan.trunks import TRUNK, furthest, is_out, recipe_of, trunks
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.run.step import manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.shards import SHARDS_FILE
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.cursor import CURSOR_FILE, Cursor, first_place, read_cursor, unread
from pipeline_lib.train.extent import nights_left, planned_rows, text_of
from pipeline_lib.train.lineage import SHAPE
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN
from pipeline_lib.train.steps import in_nights, nights_like


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
    models = trunks(workspace)
    parent = None if own.restart == "always" else parent_of(settings, workspace, data, models)
    if parent is None and models and own.restart == "never":
        raise SettingsError(
            f"train.restart is 'never', and {_why_none(models, settings, data)} "
            "train.restart = 'tokenizer_or_shape' to start from scratch."
        )
    shards = _shards(workspace.store, data)
    if shards is None:
        none = "train.budget_minutes is 0: nothing is trained"
        return Line(parent, True, {}, (none if own.budget_minutes == 0 else _begin(parent),))
    cursor = cursor_of(workspace.store, parent, shards)
    left = unread(cursor, text_of(own, shards))
    if not left:
        return Line(parent, False, {}, ("all text is read: nothing is trained",))
    params = {"first": first_place(cursor, text_of(own, shards)), "num_rows": planned_rows(own, cursor, shards)}
    if own.budget_minutes == 0:
        none = f"train.budget_minutes is 0: nothing is trained; {left:,} tokens are unread"
        return Line(parent, True, params, (none,))
    count = max(nights_left(own, cursor, shards), _nights_like(parent, own, left))
    nights = in_nights(count, is_least=is_least(parent, own))
    return Line(parent, True, params, (f"{_begin(parent)}; {left:,} tokens are unread: {nights}",))


def cursor_of(store: Store, parent: Manifest | None, shards: Sequence[Arrived]) -> Cursor:
    """What a trunk has read of a snapshot."""
    if parent is None:
        return Cursor()
    return read_cursor(_trunk(store, parent, CURSOR_FILE), shards)


def parent_of(settings: Settings, workspace: Workspace, data: DataPlan, models: Sequence[Manifest]) -> Manifest | None:
    """The one of these models that a training goes on from."""
    fitting = [model for model in models if fits(model, settings, data)]
    recipe = recipe_of(settings.of(TrainSettings).decisive(TRAIN.reads))
    alike = [model for model in fitting if recipe_of(model.settings) == recipe]
    return furthest(alike or _in_line(settings, workspace, data, fitting) or fitting)


def _why_none(models: Sequence[Manifest], settings: Settings, data: DataPlan) -> str:
    """Why none of them is a parent, and what helps but a start from scratch."""
    if any(_is_alike(model, settings, data) for model in models):
        return "each trunk with this tokenizer and shape has diverged, is a trial or is of another release. Set"
    return "no trunk has this tokenizer and shape. Set the old ones again, or"


def fits(model: Manifest, settings: Settings, data: DataPlan) -> bool:
    """Whether a training of tonight could go on from this model."""
    return not is_out(model) and model.version == TRAIN.version and _is_alike(model, settings, data)


def _is_alike(model: Manifest, settings: Settings, data: DataPlan) -> bool:
    """Whether tokenizer and shape are today's."""
    shape = {name: model.settings[name] for name in SHAPE if name in model.settings}
    return shape == settings.of(TrainSettings).decisive(SHAPE) and model.inputs["tokenizer"] == data.tokenizer.ref


def _in_line(settings: Settings, workspace: Workspace, data: DataPlan, fitting: Sequence[Manifest]) -> list[Manifest]:
    """The champion, and those that went on from it."""
    champion = _champion(settings, workspace)
    if champion is None:
        return []
    went_on = [model for model in fitting if _went_on_from(workspace.store, model, champion.fingerprint)]
    return [*went_on, *([champion] if fits(champion, settings, data) else [])]


def _champion(settings: Settings, workspace: Workspace) -> Manifest | None:
    """The model of the version in service; None where it is not whole any more."""
    registry = registry_of(settings.of(RegisterSettings), workspace.root)
    version = champion_of(registry)
    name = None if version is None else model_of(workspace.store, registry, version)
    found = None if name is None else workspace.store.condition(Ref(TRAIN.stage, name))
    return found.manifest if found is not None and found.is_present else None


def _went_on_from(store: Store, model: Manifest, ancestor: str) -> bool:
    """Whether a model is this one, or goes back to it. The way back is read night by night, as far as it is there."""
    at: Manifest | None = model
    while at is not None and at.fingerprint != ancestor:
        at = manifest_of(store, at.inputs[TRUNK]) if TRUNK in at.inputs else None
    return at is not None


def _trunk(store: Store, model: Manifest, file: str) -> Path:
    return store.open(TRAIN.stage, model.fingerprint, files=[f"{TRUNK}/{file}"]).path / TRUNK


def _shards(store: Store, data: DataPlan) -> list[Arrived] | None:
    """The token shards of the snapshot; None while it is not made."""
    ref = data.snapshot.whole.ref
    if not store.is_present(ref):
        return None
    return read_shards(store.open(ref.stage, ref.fingerprint, files=[SHARDS_FILE]).file(SHARDS_FILE))


def _begin(parent: Manifest | None) -> str:
    return "training starts from scratch" if parent is None else f"training goes on from model {parent.fingerprint[:8]}"


def _nights_like(parent: Manifest | None, settings: TrainSettings, left: int) -> int:
    """How many nights it takes to read what is left, when each reads as much as the last one did in its minutes.

    A night that came to the end of its text tells nothing.
    """
    if parent is None or settings.budget_minutes is None or not parent.facts["unread_tokens"]:
        return 1
    return nights_like(left, max(1, int(parent.facts["read"]["num_tokens"])))


def is_least(parent: Manifest | None, settings: TrainSettings) -> bool:
    """Whether a number of nights is the least: how far minutes go is not known before a training has ended."""
    return parent is None and settings.budget_minutes is not None
