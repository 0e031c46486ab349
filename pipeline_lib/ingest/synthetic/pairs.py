"""The form of an answer: JSON of questions and answers, checked before anything is taken of it.

    {"pairs": [{"question": "...", "answer": "..."}]}

Models put a fence or a word around it; what is within its outer brackets counts. An answer that is cut, has other keys,
or empty or endless texts in it is none.
"""

import unicodedata
from typing import Annotated

import xxhash
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

FORM = (
    'Answer with JSON alone, of this form: {"pairs": [{"question": "...", "answer": "..."}]}, '
    "with at most %d pairs. Each question has to be understood without the others."
)
MOST_PAIRS = 50  # of a seed
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=20_000)]


class Pair(BaseModel):
    """A question and its answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Text
    answer: Text


class Pairs(BaseModel):
    """An answer of a model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    pairs: list[Pair] = Field(min_length=1, max_length=MOST_PAIRS)


def pairs_of(answer: str, most: int) -> list[Pair]:
    """The pairs of an answer, at most so many; none where it has not the form."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        found = Pairs.model_validate_json(answer[start : end + 1] if start >= 0 else answer)
    except ValidationError:
        return []
    return [] if any("\0" in pair.question + pair.answer for pair in found.pairs) else found.pairs[:most]


def key_of(question: str) -> bytes:
    """What two questions share that say the same: case, width, blanks and signs set aside."""
    folded = unicodedata.normalize("NFKC", question).casefold()
    return xxhash.xxh3_128_digest("".join(sign for sign in folded if sign.isalnum()).encode("utf-8", "replace"))
