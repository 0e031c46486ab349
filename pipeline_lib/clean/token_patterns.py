"""Patterns of tokens in `clean.entity_rules`, as spaCy's Matcher takes them.

    patterns = [[{ LOWER = "gpt" }, { TEXT = "-", OP = "?" }, { IS_DIGIT = true }]]      GPT4, gpt-4, GPT 3

What a tokenizer tells can be asked for. What needs a trained pipeline (POS, LEMMA, DEP) cannot: `clean.spacy_pipeline`
names one. Nor can a repetition without an end: of n tokens it makes n² matches.

Light to import: settings are read by every command, and spaCy takes half a second.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline_lib.base.settings import StageSettings, neutral

MOST_REPEATED = 20
_TIMES = re.compile(r"\{(\d{1,2})(?:,(\d{1,2}))?\}")
_OFF = neutral(None)

Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


def _compiles(expression: str) -> str:
    try:
        re.compile(expression)
    except re.error as exc:
        raise ValueError(f"is no regular expression: {exc}") from None
    return expression


def _ends(operator: str) -> str:
    found = _TIMES.fullmatch(operator)
    if found is None and operator not in ("!", "?"):
        raise ValueError('is "!", "?", "{n}" or "{n,m}"; "+" and "*" have no end: write "{1,10}"')
    if found is not None and not int(found[1]) <= int(found[2] or found[1]) <= MOST_REPEATED:
        raise ValueError(f"repeats at most {MOST_REPEATED} times, the fewest first")
    return operator


class Choice(StageSettings):
    """What a text may be: one of some, none of some, or what an expression finds in it."""

    IN: Words | None = Field(None, description="one of these", json_schema_extra=_OFF)
    NOT_IN: Words | None = Field(None, description="none of these", json_schema_extra=_OFF)
    REGEX: Annotated[str, AfterValidator(_compiles)] | None = Field(
        None, description="found in it by Python's `re.search`", json_schema_extra=_OFF
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("names nothing: IN, NOT_IN or REGEX")
        return self


Text = Annotated[str, Field(min_length=1)] | Choice | None


class Token(StageSettings):
    """What a token has to be: all of what is given. Nothing: any token."""

    TEXT: Text = Field(None, description="as it is written", json_schema_extra=_OFF)
    LOWER: Text = Field(None, description="in small letters", json_schema_extra=_OFF)
    NORM: Text = Field(None, description='its usual form: "not" for "n\'t"', json_schema_extra=_OFF)
    SHAPE: Text = Field(None, description='its letters as "x" and "X", its digits as "d"', json_schema_extra=_OFF)
    PREFIX: Text = Field(None, description="its first character", json_schema_extra=_OFF)
    SUFFIX: Text = Field(None, description="its last three characters", json_schema_extra=_OFF)
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
    def must_come(self) -> bool:
        """Whether there is no match without it."""
        return self.OP not in ("!", "?") and not (self.OP or "").startswith(("{0,", "{0}"))

    @property
    def literals(self) -> tuple[str, ...]:
        """Strings of which its text holds one, in any case of letters; empty where nothing tells.

        Only letters of ASCII, and what has no case: others have a lower case that an expression may not know.
        """
        for asked in (self.LOWER, self.TEXT):
            found = (asked,) if isinstance(asked, str) else asked.IN if isinstance(asked, Choice) else None
            if found and all(sign.isascii() or sign.lower() == sign.upper() for word in found for sign in word):
                return found
        return ()


def _is_bound(pattern: tuple[Token, ...]) -> tuple[Token, ...]:
    if not any(token.must_come and token.model_dump(exclude_none=True, exclude={"OP"}) for token in pattern):
        raise ValueError("fits everywhere: at least one token has to come and to be something")
    return pattern


Pattern = Annotated[tuple[Token, ...], Field(min_length=1, max_length=MOST_REPEATED), AfterValidator(_is_bound)]


def as_spacy(pattern: Iterable[Token]) -> list[dict[str, Any]]:
    """A pattern as the Matcher of spaCy takes it."""
    return [token.model_dump(mode="json", exclude_none=True) for token in pattern]


def literals_of(pattern: Iterable[Token]) -> tuple[str, ...]:
    """Strings of which every text holds one that the pattern matches in; empty where nothing tells."""
    found = [token.literals for token in pattern if token.must_come and token.literals]
    return max(found, key=lambda words: min(map(len, words)), default=())
