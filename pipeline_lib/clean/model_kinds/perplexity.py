"""`[[clean.models]]` of the kind "perplexity": how odd a text is to a small n-gram model of a text of reference.

[[clean.models]]
kind = "perplexity"
name = "fluency"
reference = "texts/wikipedia.jsonl.zst"     # a file or a folder of .jsonl, .txt and .parquet; also .gz, .zst, .bz2
at_most = 4.0                               # bits per byte

Of bits per byte b the perplexity per byte is 2^b. A document that is mostly in scripts that the reference hardly has
gets no score, and no limit drops it (ngrams.py).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline_lib.base.settings import neutral, operational
from pipeline_lib.clean.model_kind import Arrays, Kind, Learned, learned_into, scored_into
from pipeline_lib.clean.model_settings import TextModel
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.settings import CleanSettings

Bits = Annotated[float, Field(ge=0, allow_inf_nan=False)]
NGRAMS, UNKNOWN = "ngrams", "unknown"
MADE_OF = "reference"


class PerplexityModel(TextModel):
    """One n-gram model: its score is the bits per byte that a text takes by it."""

    kind: Literal["perplexity"] = "perplexity"
    reference: Path = Field(
        description="text that reads as text should: a file or a folder", json_schema_extra=operational()
    )
    text_field: str = Field("text", description="the text in JSON Lines or Parquet", json_schema_extra=operational())
    at_least: Bits | None = Field(
        None,
        description="the smallest score that is kept: below it a text says the same over and over",
        json_schema_extra=neutral(None, unit="bits per byte"),
    )
    at_most: Bits | None = Field(
        None,
        description="the largest score that is kept: above it a text is no such language, or none",
        json_schema_extra=neutral(None, unit="bits per byte"),
    )


def digest(model: PerplexityModel) -> str:
    """Of its text of reference."""
    from pipeline_lib.clean.references import digest_of_reference

    return digest_of_reference(model)


def learn(model: PerplexityModel) -> Learned:
    """The n-grams of the reference."""
    from pipeline_lib.clean.perplexity import learn_reference
    from pipeline_lib.clean.references import read_reference

    reference = read_reference(model)
    ngrams, facts = learn_reference(reference, model.name)
    arrays = {NGRAMS: ngrams.slots, UNKNOWN: ngrams.unknown}
    return Learned(arrays, reference.digest, len(reference.texts), {"repeated": reference.num_repeated}, facts)


def score(texts: "pa.LargeStringArray", models: Mapping[str, Arrays]) -> Mapping[str, Any]:
    """Bits per byte by models; null where a document is mostly in scripts that a model does not know."""
    from pipeline_lib.clean.perplexity import NGrams, bits_per_byte

    return {name: bits_per_byte(texts, NGrams(arrays[NGRAMS], arrays[UNKNOWN])) for name, arrays in models.items()}


def load() -> None:
    """Compile what scores need."""
    from pipeline_lib.clean.perplexity import load

    load()


def make_model(settings: "CleanSettings", inputs: Inputs, folder: Path) -> Outcome:
    """The n-grams of one model."""
    return learned_into(settings, inputs, folder, made_of=MADE_OF, learn=learn, what="text of reference")


def make_scores(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The bits per byte of each document by each model."""
    return scored_into(inputs, folder, arrays=(NGRAMS, UNKNOWN), score=score)


MODEL = Maker(
    "clean.perplexity", 1, "ngrams.v1", make_model, sees=("models",), only_with="models", of_kind="perplexity"
)
SCORES = Maker("clean.perplexity_scores", 1, "scores.v1", make_scores, only_with="models", of_kind="perplexity")
PERPLEXITY = Kind(PerplexityModel, MADE_OF, digest, learn, score, load, MODEL, SCORES, board="scores_perplexity")
