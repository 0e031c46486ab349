"""`[[clean.models]]` without a kind, or of the kind "classifier": it learns from examples of the user's.

[[clean.models]]
name = "quality"
keep = "examples/good"          # a file or a folder of .jsonl and .txt, also .gz, .zst, .bz2
drop = "examples/bad.jsonl"
at_least = 0.5

Instead of two places one may be given, `examples`, JSON Lines that say it themselves: {"text": ..., "label": true}.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline_lib.base.settings import neutral, operational
from pipeline_lib.clean.model_kind import Arrays, Kind, Learned, learned_into, scored_into
from pipeline_lib.clean.model_settings import Share, TextModel
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.settings import CleanSettings

WEIGHTS = "weights"
MADE_OF = "examples"


class ClassifierModel(TextModel):
    """One classifier: its score is 1 for a text that is like those to keep, 0 for one like those to drop."""

    takes_both_limits: ClassVar[bool] = False

    kind: Literal["classifier"] = Field("classifier", json_schema_extra=neutral("classifier"))
    keep: Path | None = Field(
        None, description="examples of what is wanted: a file or a folder", json_schema_extra=operational()
    )
    drop: Path | None = Field(
        None, description="examples of what is not: a file or a folder", json_schema_extra=operational()
    )
    examples: Path | None = Field(
        None, description="instead of both: JSON Lines with labels, a file or a folder", json_schema_extra=operational()
    )
    label_field: str = Field(
        "label", description="in them: true or 1 for what is wanted, false or 0", json_schema_extra=operational()
    )
    text_field: str = Field("text", description="the text in JSON Lines", json_schema_extra=operational())
    at_least: Share | None = Field(
        None, description="the smallest score that is kept", json_schema_extra=neutral(None, unit="score")
    )
    at_most: Share | None = Field(
        None, description="the largest score that is kept", json_schema_extra=neutral(None, unit="score")
    )

    @model_validator(mode="after")
    def _honourable(self) -> Self:
        has_sides = self.keep is not None and self.drop is not None
        has_none = self.keep is None and self.drop is None
        if not (has_sides and self.examples is None) and not (has_none and self.examples is not None):
            raise ValueError("a model takes `keep` and `drop`, or `examples` that have labels")
        return self


def digest(model: ClassifierModel) -> str:
    """Of its examples."""
    from pipeline_lib.clean.examples import digest_of_examples

    return digest_of_examples(model)


def learn(model: ClassifierModel) -> Learned:
    """Weights from the examples, and how well they do."""
    from pipeline_lib.clean.examples import read_examples
    from pipeline_lib.clean.models import learn_model

    examples = read_examples(model)
    learned = learn_model(examples)
    left_out = {"repeated": examples.num_repeated, "on_both_sides": 2 * examples.num_contradicting}
    num_rows = len(examples.keep) + len(examples.drop)
    return Learned({WEIGHTS: learned.weights}, examples.digest, num_rows, left_out, learned.facts)


def score(texts: "pa.LargeStringArray", models: Mapping[str, Arrays]) -> Mapping[str, Any]:
    """Scores by models, 0..1."""
    from pipeline_lib.clean.models import scores_of

    return scores_of(texts, {name: arrays[WEIGHTS] for name, arrays in models.items()})


def load() -> None:
    """Compile what scores need."""
    from pipeline_lib.clean.models import load

    load()


def make_model(settings: "CleanSettings", inputs: Inputs, folder: Path) -> Outcome:
    """The weights of one classifier."""
    return learned_into(settings, inputs, folder, made_of=MADE_OF, learn=learn, what="examples")


def make_scores(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The score of each document by each classifier."""
    return scored_into(inputs, folder, arrays=(WEIGHTS,), score=score)


MODEL = Maker("clean.model", 1, "weights.v1", make_model, sees=("models",), only_with="models", of_kind="classifier")
SCORES = Maker("clean.scores", 1, "scores.v1", make_scores, only_with="models", of_kind="classifier")
CLASSIFIER = Kind(ClassifierModel, MADE_OF, digest, learn, score, load, MODEL, SCORES, board="scores")
