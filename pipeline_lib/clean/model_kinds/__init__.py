"""All kinds of `[[clean.models]]`: one file each, and one line here. Light to import: every plan does.

One that does not say its kind is a classifier: these were there first.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Tag

from pipeline_lib.clean.model_kind import Kind
from pipeline_lib.clean.model_kinds.classifier import CLASSIFIER
from pipeline_lib.clean.model_kinds.perplexity import PERPLEXITY
from pipeline_lib.clean.model_kinds.word_list import WORD_LIST
from pipeline_lib.clean.model_settings import TextModel

KINDS: tuple[Kind, ...] = (
    CLASSIFIER,
    PERPLEXITY,
    WORD_LIST,
)
KIND_BY_WORD = {kind.word: kind for kind in KINDS}


def kind_of(model: TextModel) -> Kind:
    """The kind of a model, by its settings."""
    return next(kind for kind in KINDS if isinstance(model, kind.settings))


def _word_of(given: Any) -> Any:
    return given.get("kind", CLASSIFIER.word) if isinstance(given, Mapping) else getattr(given, "kind", None)


if TYPE_CHECKING:
    AnyModel = TextModel
else:
    AnyModel = Annotated[
        Union[tuple(Annotated[kind.settings, Tag(kind.word)] for kind in KINDS)],  # noqa: UP007 - it is made of the list
        Discriminator(
            _word_of,
            custom_error_type="kind",
            custom_error_message=f"there is no such kind of model; there are {', '.join(KIND_BY_WORD)}",
        ),
    ]
