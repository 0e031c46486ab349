"""Patterns of tokens in `clean.entity_rules`, as spaCy's Matcher takes them.

    patterns = [[{ LOWER = "gpt" }, { TEXT = "-", OP = "?" }, { IS_DIGIT = true }]]      GPT4, gpt-4, GPT 3

What a tokenizer tells can be asked for. What needs a trained pipeline (POS, LEMMA, DEP) cannot: `clean.spacy_pipeline`
names one. Nor can a repetition without an end: of n tokens it makes n² matches.

Light to import: settings are read by every command, and spaCy takes half a second.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline_lib.base.settings import StageSettings, neutral

MOST_REPEATED = 20
MOST_LENGTHS = 64  # of a pattern: spaCy tries all ways to leave out tokens at each place
_TIMES = re.compile(r"\{(0|[1-9][0-9]?)(?:,(0|[1-9][0-9]?))?\}")
_OFF = neutral(None)


def _is_one_token(word: str) -> str:
    if not word.isspace() and any(sign.isspace() for sign in word):
        raise ValueError(f"{word!r} is never one token: write a token for each word")
    return word


def _ends(operator: str) -> str:
    found = _TIMES.fullmatch(operator)
    if found is None and operator not in ("!", "?"):
        raise ValueError('is "!", "?", "{n}" or "{n,m}"; "+" and "*" have no end: write "{1,10}"')
    if found is not None and not int(found[1]) <= int(found[2] or found[1]) <= MOST_REPEATED:
        raise ValueError(f"repeats at most {MOST_REPEATED} times, the fewest first")
    return operator


Word = Annotated[str, Field(min_length=1), AfterValidator(_is_one_token)]
Words = Annotated[tuple[Word, ...], Field(min_length=1)]


class Choice(StageSettings):
    """What a text may be: one of some, or none of some."""

    IN: Words | None = Field(None, description="one of these", json_schema_extra=_OFF)
    NOT_IN: Words | None = Field(None, description="none of these", json_schema_extra=_OFF)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.IN is None and self.NOT_IN is None:
            raise ValueError("names nothing: IN or NOT_IN")
        return self


Text = Word | Choice | None


def words_of(asked: Text) -> tuple[str, ...]:
    """All words that stand in it."""
    if isinstance(asked, Choice):
        return (*(asked.IN or ()), *(asked.NOT_IN or ()))
    return () if asked is None else (asked,)


def _in_small_letters(asked: Text) -> Text:
    if odd := [word for word in words_of(asked) if word != word.lower()]:
        raise ValueError(f"{odd[0]!r} never comes: it is compared in small letters, {odd[0].lower()!r}")
    return asked


def _at_most(characters: int) -> Any:
    def check(asked: Text) -> Text:
        if odd := [word for word in words_of(asked) if len(word) > characters]:
            raise ValueError(f"{odd[0]!r} never comes: it has {characters} characters at most")
        return asked

    return AfterValidator(check)


class Token(StageSettings):
    """What a token has to be: all of what is given. Nothing: any token."""

    TEXT: Text = Field(None, description="as it is written", json_schema_extra=_OFF)
    LOWER: Annotated[Text, AfterValidator(_in_small_letters)] = Field(
        None, description="in small letters", json_schema_extra=_OFF
    )
    NORM: Text = Field(None, description='its usual form: "not" for "n\'t"', json_schema_extra=_OFF)
    SHAPE: Text = Field(None, description='its letters as "x" and "X", its digits as "d"', json_schema_extra=_OFF)
    PREFIX: Annotated[Text, _at_most(1)] = Field(None, description="its first character", json_schema_extra=_OFF)
    SUFFIX: Annotated[Text, _at_most(3)] = Field(None, description="its last three characters", json_schema_extra=_OFF)
    LENGTH: int | None = Field(None, ge=1, description="characters", json_schema_extra=neutral(None, "characters"))
    IS_ALPHA: bool | None = Field(None, description="letters alone", json_schema_extra=_OFF)
    IS_ASCII: bool | None = Field(None, description="of ASCII alone", json_schema_extra=_OFF)
    IS_DIGIT: bool | None = Field(None, description="digits alone", json_schema_extra=_OFF)
    IS_LOWER: bool | None = Field(None, description="in small letters", json_schema_extra=_OFF)
    IS_UPPER: bool | None = Field(None, description="in capitals", json_schema_extra=_OFF)
    IS_TITLE: bool | None = Field(None, description="a capital and small letters", json_schema_extra=_OFF)
    IS_PUNCT: bool | None = Field(None, description="punctuation", json_schema_extra=_OFF)
    IS_SPACE: bool | None = Field(None, description="white space: a line end is a token", json_schema_extra=_OFF)
    IS_BRACKET: bool | None = Field(None, description="a bracket", json_schema_extra=_OFF)
    IS_QUOTE: bool | None = Field(None, description="a quotation mark", json_schema_extra=_OFF)
    IS_CURRENCY: bool | None = Field(None, description="the sign of a currency", json_schema_extra=_OFF)
    IS_STOP: bool | None = Field(None, description="a stop word of the language", json_schema_extra=_OFF)
    LIKE_NUM: bool | None = Field(None, description="a number, in words too", json_schema_extra=_OFF)
    LIKE_URL: bool | None = Field(None, description="an address of the web", json_schema_extra=_OFF)
    LIKE_EMAIL: bool | None = Field(None, description="an e-mail address", json_schema_extra=_OFF)
    SPACY: bool | None = Field(None, description="a blank follows", json_schema_extra=_OFF)
    OP: Annotated[str, AfterValidator(_ends)] | None = Field(
        None,
        description='"!": no such token; "?": may be missing; "{n}", "{n,m}": so many',
        json_schema_extra=_OFF,
    )

    @property
    def times(self) -> range:
        """How often it may come in a row."""
        if self.OP == "?":
            return range(2)
        found = _TIMES.fullmatch(self.OP or "")
        return range(1, 2) if found is None else range(int(found[1]), int(found[2] or found[1]) + 1)

    @property
    def must_come(self) -> bool:
        """Whether there is no match without it."""
        return self.OP != "!" and 0 not in self.times

    @property
    def literals(self) -> tuple[str, ...]:
        """Strings of which its text holds one, in any case of letters; empty where nothing tells.

        Only of letters of ASCII, and of what has no case: others have a lower case that an expression may not know.
        Nor does it know that an "İ" is two characters then, "i" and a dot above.
        """
        for asked in (self.LOWER, self.TEXT):
            found = (asked,) if isinstance(asked, str) else asked.IN if asked is not None else None
            if found and all(map(_is_plain, "".join(found))):
                return found
        return ()

    @property
    def as_spacy(self) -> dict[str, Any]:
        """As the Matcher of spaCy takes it, without how often it comes."""
        asked = self.model_dump(mode="json", exclude_none=True, exclude={"OP"})
        return {**asked, "OP": "!"} if self.OP == "!" else asked


def _is_plain(sign: str) -> bool:
    return (sign.isascii() or sign.lower() == sign.upper()) and sign != "\u0307"


def _is_bound(pattern: tuple[Token, ...]) -> tuple[Token, ...]:
    if not any(token.must_come and token.as_spacy for token in pattern):
        raise ValueError("fits everywhere: at least one token has to come and to be something")
    if (num_lengths := math.prod(len(token.times) for token in pattern)) > MOST_LENGTHS:
        raise ValueError(
            f"its tokens may come in {num_lengths:,} numbers, {MOST_LENGTHS} at most: of {{n,m}} m - n + 1 counts, "
            "of ? 2, and they multiply"
        )
    return pattern


Pattern = Annotated[tuple[Token, ...], Field(min_length=1, max_length=MOST_REPEATED), AfterValidator(_is_bound)]


def as_spacy(pattern: Sequence[Token]) -> Iterator[list[dict[str, Any]]]:
    """A pattern as the Matcher of spaCy takes it: one for each number of its tokens.

    The longest match counts, so together they count what one would with `?` and `{n,m}` in it; with these the Matcher
    takes time that doubles with each token that may be missing.
    """
    for numbers in product(*(token.times for token in pattern)):
        yield [token.as_spacy for token, number in zip(pattern, numbers, strict=True) for _ in range(number)]


def literals_of(pattern: Iterable[Token]) -> tuple[str, ...]:
    """Strings of which every text holds one that the pattern matches in; empty where nothing tells."""
    found = [token.literals for token in pattern if token.must_come and token.literals]
    return max(found, key=lambda words: min(map(len, words)), default=())
