"""A kind of model, and what the makers of all kinds do alike: learn one model, score a shard by all of a kind.

    MODEL     what a model is made of -> its arrays, a file each (NAME.npy), and what is known of it (facts)
    SCORES    text, the models of the kind -> scores.parquet: a float32 column a model, a row a document

A model is named by what it is made of, scores by text and models: a limit that is moved learns and reads nothing again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.model_settings import TextModel, column_of
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from pipeline_lib.clean.settings import CleanSettings

Arrays = Mapping[str, "npt.NDArray[Any]"]  # of a model, by name
Learn = Callable[[Any], "Learned"]
Score = Callable[["pa.LargeStringArray", Mapping[str, Arrays]], Mapping[str, Any]]  # a column for each model

SCORES_FILE = "scores.parquet"
NAME = "model"  # parameter of a MODEL
TEXT = "text"
OF_MODEL = "model_"  # and its name: an input of SCORES


@dataclass(frozen=True)
class Learned:
    """A model: its arrays, the digest of what it was made of, how much of that there was and was left out, facts."""

    arrays: Arrays
    digest: str
    num_rows: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """What there is of a kind; `learn` and `score` load what they need when they are called."""

    settings: type[TextModel]
    made_of: str  # "examples": the parameter of `model` that names what one was made of, by `digest`
    digest: Callable[[Any], str]
    learn: Learn
    score: Score
    load: Callable[[], None]  # compile what scores need: the first document would take seconds
    model: Maker
    scores: Maker
    board: str  # under which its scores stand among the works of a shard

    @property
    def word(self) -> str:
        """What `kind` says in the settings."""
        return str(self.settings.model_fields["kind"].default)


def learned_into(
    settings: "CleanSettings", inputs: Inputs, folder: Path, *, made_of: str, learn: Learn, what: str
) -> Outcome:
    """Write one model. Raises `SettingsError` where what it is made of changed since the night was planned."""
    import numpy as np

    (model,) = (model for model in settings.models if model.name == inputs.params[NAME])
    learned = learn(model)
    if learned.digest != inputs.params[made_of]:
        raise SettingsError(
            f"clean.models {model.name!r}: its {what} changed while this night ran. Run the same command again."
        )
    for name, array in learned.arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    dropped = {reason: number for reason, number in learned.left_out.items() if number}
    return Outcome(learned.num_rows + sum(dropped.values()), learned.num_rows, dropped, facts=learned.facts)


def scored_into(inputs: Inputs, folder: Path, *, arrays: Sequence[str], score: Score) -> Outcome:
    """Write the score of each document of `text` by each model of a kind, which has these arrays."""
    import numpy as np

    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.tables import TableWriter, iterate

    names = sorted(name.removeprefix(OF_MODEL) for name in inputs.named if name != TEXT)
    models = {
        column_of(name): {
            array: np.load(inputs.file(OF_MODEL + name, f"{array}.npy"), allow_pickle=False) for array in arrays
        }
        for name in names
    }
    with TableWriter(folder / SCORES_FILE, scores_schema(list(models))) as writer:
        for part in iterate(inputs.file(TEXT, DOCUMENTS_FILE), ["text"]):
            writer.write(score_table(score(part["text"].combine_chunks(), models)))
    return Outcome(rows_in=writer.num_rows, rows_out=writer.num_rows, file_rows={SCORES_FILE: writer.num_rows})


def score_table(columns: Mapping[str, Any]) -> "pa.Table":
    """Scores by model as a table."""
    import pyarrow as pa

    return pa.table(dict(columns), schema=scores_schema(list(columns)))


def scores_schema(names: Sequence[str]) -> "pa.Schema":
    """A column for each model; null: the model has nothing to say of a document."""
    import pyarrow as pa

    return pa.schema([pa.field(name, pa.float32()) for name in names])
