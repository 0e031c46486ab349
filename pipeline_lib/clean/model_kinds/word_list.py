"""`[[clean.models]]` of the kind "word_list": how much of a document stands in the terms of a list of the user's.

[[clean.models]]
kind = "word_list"
name = "adult"
terms = "lists/adult.txt"       # UTF-8, a term a line; any language, several in one list
at_most = 0.01                  # share of the words

No list comes along. The terms stand in the artifact of the model and nowhere else: neither in names, manifests nor
messages, which know how many there are and a digest.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from pipeline_lib.base.settings import neutral, operational
from pipeline_lib.clean.model_kind import Arrays, Kind, Learned, learned_into, scored_into
from pipeline_lib.clean.model_settings import Share, TextModel
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.settings import CleanSettings

MADE_OF = "terms"


class WordListModel(TextModel):
    """One list: its score is the share of a document's words that stand in a term, 0..1."""

    kind: Literal["word_list"] = "word_list"
    terms: Path = Field(description="a file, UTF-8, a term a line", json_schema_extra=operational())
    at_least: Share | None = Field(
        None, description="the smallest share that is kept", json_schema_extra=neutral(None, unit="share of words")
    )
    at_most: Share | None = Field(
        None, description="the largest share that is kept", json_schema_extra=neutral(None, unit="share of words")
    )


def digest(model: WordListModel) -> str:
    """Of its terms."""
    from pipeline_lib.clean.word_lists import digest_of_list

    return digest_of_list(model)


def learn(model: WordListModel) -> Learned:
    """The terms, ready to be looked for."""
    from pipeline_lib.clean.word_lists import read_list
    from pipeline_lib.text.literal_terms import terms_of

    found = read_list(model)
    return Learned(terms_of(found.terms)._asdict(), found.digest, len(found.terms), {"repeated": found.num_repeated})


def score(texts: "pa.LargeStringArray", models: Mapping[str, Arrays]) -> Mapping[str, Any]:
    """Shares of words by lists, 0..1."""
    from pipeline_lib.text.automaton import Kept
    from pipeline_lib.text.literal_terms import share_in_terms

    return {name: share_in_terms(texts, Kept(**arrays)) for name, arrays in models.items()}


def load() -> None:
    """Compile what scores need."""
    from pipeline_lib.text.literal_terms import load

    load()


def make_model(settings: "CleanSettings", inputs: Inputs, folder: Path) -> Outcome:
    """The terms of one list."""
    return learned_into(settings, inputs, folder, made_of=MADE_OF, learn=learn, what="list of terms")


def make_scores(_settings: None, inputs: Inputs, folder: Path) -> Outcome:
    """The share of each document's words in each list."""
    from pipeline_lib.text.automaton import Kept

    return scored_into(inputs, folder, arrays=Kept._fields, score=score)


MODEL = Maker("clean.word_list", 1, "terms.v1", make_model, sees=("models",), only_with="models", of_kind="word_list")
SCORES = Maker("clean.word_list_scores", 1, "scores.v1", make_scores, only_with="models", of_kind="word_list")
WORD_LIST = Kind(WordListModel, MADE_OF, digest, learn, score, load, MODEL, SCORES, board="scores_word_list")
