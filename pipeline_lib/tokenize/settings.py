"""The settings of `[tokenize]`: the tokenizer, and the share of documents that a batch holds out when it arrives."""

from collections.abc import Collection
from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.settings import StageSettings, operational

MIB = 1 << 20
NUM_BYTES = 256
NUM_SPECIAL_TOKENS = 2

Term = Annotated[str, Field(min_length=2, max_length=100)]


class TokenizeSettings(StageSettings):
    """The tokenizer is trained once and pinned; raise `generation` to train a new one."""

    vocab_size: int = Field(
        default=4096,
        ge=512,
        le=1 << 20,
        description="Largest number of tokens, with special tokens and domain terms. Small text may give fewer merges.",
        json_schema_extra={"unit": "tokens"},
    )
    min_frequency: int = Field(
        default=2,
        ge=1,
        description="A pair of tokens that is rarer than this is not merged.",
        json_schema_extra={"unit": "occurrences"},
    )
    max_training_bytes: int = Field(
        default=32 * MIB,
        ge=1 << 10,
        description="The tokenizer is trained on about this much text, chosen by the ids of the documents.",
        json_schema_extra={"unit": "bytes"},
    )
    min_training_bytes: int = Field(
        default=1_000_000,
        ge=0,
        description="On less kept text no tokenizer is pinned for good: a provisional one serves until then.",
        json_schema_extra=operational("bytes"),
    )
    domain_terms: tuple[Term, ...] = Field(
        default=(), max_length=10_000, description="Terms that are always one token, case-sensitive."
    )
    generation: int = Field(default=1, ge=1, description="Raise it to train a new tokenizer: a new lineage of models.")
    heldout_share: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Documents kept from training and used for evaluation, chosen by a hash of source and URL.",
        json_schema_extra={"unit": "share of documents"},
    )

    @model_validator(mode="after")
    def _terms_fit(self) -> Self:
        if len(set(self.domain_terms)) != len(self.domain_terms):
            raise ValueError("domain_terms names a term twice")
        if len(self.domain_terms) + NUM_BYTES + NUM_SPECIAL_TOKENS > self.vocab_size:
            raise ValueError("domain_terms leave no room for the 256 bytes and 2 special tokens: raise vocab_size")
        return self


def with_terms(settings: TokenizeSettings, terminology: Collection[str]) -> TokenizeSettings:
    """The settings under which each term of a list is one token, too.

    Raises `SettingsError` where all of them leave no room for bytes and special tokens.
    """
    terms = tuple(dict.fromkeys((*settings.domain_terms, *sorted(terminology))))
    if terminology and len(terms) + NUM_BYTES + NUM_SPECIAL_TOKENS > settings.vocab_size:
        raise SettingsError(
            f"clean.terminology has {len(terminology):,} terms, which are a token each: they leave no room in "
            f"tokenize.vocab_size = {settings.vocab_size:,} for the 256 bytes and 2 special tokens. Raise it."
        )
    return settings.model_copy(update={"domain_terms": terms})
