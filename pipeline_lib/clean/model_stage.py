"""The works of models, and scores outside of a night: there are none where the settings ask for no model.

Each kind has makers of its own (model_kinds/): another kind that is added has nothing of the others made again.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline_lib.clean.model_kind import NAME, OF_MODEL, TEXT, score_table
from pipeline_lib.clean.model_kinds import KINDS, kind_of
from pipeline_lib.clean.model_settings import TextModel
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.run.maker import Work, work_of
from pipeline_lib.store.artifact import Ref

if TYPE_CHECKING:
    import pyarrow as pa

MODEL_MAKERS = tuple(maker for kind in KINDS for maker in (kind.model, kind.scores))
BOARDS = tuple(kind.board for kind in KINDS)  # under which scores stand, in the order in which they are read


def model_works(settings: CleanSettings) -> dict[str, Work]:
    """By its name the work of each model."""
    digests = settings.outside()
    kinds = {model.name: kind_of(model) for model in settings.models}
    return {
        name: work_of(kind.model, settings, params={NAME: name, kind.made_of: digests[name]}, name=f"model {name}")
        for name, kind in kinds.items()
    }


def scores_works(models: Mapping[str, Work], text: Ref, number: int) -> dict[str, Work]:
    """The scores of one shard by each kind that has models, as "scores", "scores_perplexity" and so on."""
    works = {}
    for kind in KINDS:
        own = {OF_MODEL + name: work.ref for name, work in models.items() if work.maker == kind.model}
        if own:
            name = f"shard {number}: {kind.board.replace('_', ' of ', 1)}"
            works[kind.board] = Work(kind.scores, inputs={TEXT: text, **own}, name=name)
    return works


def side_by_side(scores: Sequence["pa.Table"]) -> "pa.Table | None":
    """The scores of all kinds as one table; None where there are none."""
    if not scores:
        return None
    first, *others = scores
    for other in others:
        for name in other.column_names:
            first = first.append_column(other.schema.field(name), other[name])
    return first


def learned_scores(models: Sequence[TextModel], texts: "pa.LargeStringArray") -> "pa.Table | None":
    """Scores by models that are learned for it: what `nightshift try` asks. None where there are no models."""
    tables = []
    for kind in KINDS:
        own = [model for model in models if isinstance(model, kind.settings)]
        if own:
            arrays = {model.column: kind.learn(model).arrays for model in own}
            tables.append(score_table(kind.score(texts, arrays)))
    return side_by_side(tables)


def load_models(models: Sequence[TextModel]) -> None:
    """Compile what the scores by these models need."""
    for kind in KINDS:
        if any(isinstance(model, kind.settings) for model in models):
            kind.load()
