"""The makers of models, and their works: there are none where the settings ask for no model.

    MODEL     the examples of one model -> weights.npy, and how well it does (facts)
    SCORES    text, the models -> scores.parquet: a float32 column a model, a row a document

A model is named by its examples, and scores by text and models: a limit that is moved learns and reads nothing again.
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work, work_of
from pipeline_lib.store.artifact import Outcome, Ref

WEIGHTS_FILE = "weights.npy"
SCORES_FILE = "scores.parquet"
NAME, EXAMPLES = "model", "examples"  # parameters of MODEL
TEXT = "text"
OF_MODEL = "model_"  # and its name: an input of SCORES


def make_model(settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """The weights of one model. Raises `SettingsError` where its examples changed since the night was planned."""
    import numpy as np

    from pipeline_lib.clean.examples import read_examples
    from pipeline_lib.clean.models import learn_model

    (model,) = (model for model in settings.models if model.name == inputs.params[NAME])
    examples = read_examples(model)
    if examples.digest != inputs.params[EXAMPLES]:
        raise SettingsError(
            f"clean.models {model.name!r}: its examples changed while this night ran. Run the same command again."
        )
    learned = learn_model(examples)
    np.save(folder / WEIGHTS_FILE, learned.weights, allow_pickle=False)
    num_rows = len(examples.keep) + len(examples.drop)
    left_out = {"repeated": examples.num_repeated, "on_both_sides": 2 * examples.num_contradicting}
    dropped = {reason: number for reason, number in left_out.items() if number}
    return Outcome(num_rows + sum(dropped.values()), num_rows, dropped, facts=learned.facts)


def make_scores(_settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """The score of each document of `text` by each model."""
    import numpy as np
    import pyarrow as pa

    from pipeline_lib.clean.model_settings import column_of
    from pipeline_lib.clean.models import scores_of, scores_schema
    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.tables import TableWriter, iterate

    names = sorted(name.removeprefix(OF_MODEL) for name in inputs.named if name != TEXT)
    weights = {
        column_of(name): np.load(inputs.file(OF_MODEL + name, WEIGHTS_FILE), allow_pickle=False) for name in names
    }
    schema = scores_schema(list(weights))
    with TableWriter(folder / SCORES_FILE, schema) as writer:
        for part in iterate(inputs.file(TEXT, DOCUMENTS_FILE), ["text"]):
            writer.write(pa.table(scores_of(part["text"].combine_chunks(), weights), schema=schema))
    return Outcome(rows_in=writer.num_rows, rows_out=writer.num_rows, file_rows={SCORES_FILE: writer.num_rows})


def model_works(settings: CleanSettings) -> dict[str, Work]:
    """By its name the work of each model."""
    digests = settings.outside()
    return {
        model.name: work_of(
            MODEL,
            settings,
            params={NAME: model.name, EXAMPLES: digests[model.name]},
            name=f"model {model.name}",
        )
        for model in settings.models
    }


def scores_works(models: Mapping[str, Work], text: Ref, number: int) -> dict[str, Work]:
    """The scores of one shard, as "scores"; nothing where there are no models."""
    inputs = {TEXT: text, **{OF_MODEL + name: model.ref for name, model in models.items()}}
    return {"scores": Work(SCORES, inputs=inputs, name=f"shard {number}: scores")} if models else {}


MODEL = Maker("clean.model", 1, "weights.v1", make_model, sees=("models",), only_with="models")
SCORES = Maker("clean.scores", 1, "scores.v1", make_scores, only_with="models")
