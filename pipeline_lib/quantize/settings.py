"""Settings of [quantize]."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from pipeline_lib.base.settings import NONE, StageSettings, operational
from pipeline_lib.quantize.schemes import DEFAULT, AnyScheme


class QuantizeSettings(StageSettings):
    """Which smaller variants are made, and what they are checked on.

    `schemes` is a list of works, not an option of one: each scheme with its options is a parameter of its own variant,
    so that one more of them, or none, changes nothing about the others.
    """

    schemes: tuple[AnyScheme, ...] = Field(
        DEFAULT, description="smaller variants of each model, by name, or by kind and options; none: none is made"
    )
    parity_documents: int = Field(
        16,
        ge=1,
        le=1000,
        description="held-out documents on which the exported model must agree with torch",
        json_schema_extra={"unit": "documents"},
    )
    parity_tokens: int = Field(64, ge=8, description="tokens of each of them", json_schema_extra={"unit": "tokens"})
    max_logit_difference: float = Field(
        1e-3,
        gt=0,
        description="the float32 export may differ from torch by this much; 1e-6 is usual, more is a wrong export",
        json_schema_extra={"unit": "logit"},
    )
    threads: int = Field(
        2,
        ge=1,
        le=256,
        description="the order of sums, and so the last digits of the check, depend on their number",
        json_schema_extra=operational(unit="threads"),
    )

    @field_validator("schemes", mode="before")
    @classmethod
    def _by_names(cls, given: Any) -> Any:
        """Names with commas, as on a command line; "none" is no scheme at all."""
        if not isinstance(given, str):
            return given
        return () if given == NONE else tuple(name.strip() for name in given.split(","))

    @model_validator(mode="after")
    def _schemes_are_unique(self) -> Self:
        kinds = [scheme.kind for scheme in self.schemes]
        if repeated := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"schemes holds {repeated[0]!r} twice: a variant is called as its scheme")
        return self
