"""What the settings of all kinds of `[[clean.models]]` share: a name, the limits of a score, whom these judge.

A kind is a file in model_kinds/: its settings, how a model of it comes to be, and how it scores texts. Where the files
that a model is made of lie decides nothing; what they say decides, by a digest.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline_lib.base.settings import StageSettings, neutral
from pipeline_lib.clean.language_names import Languages
from pipeline_lib.clean.rules import Rule

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
BOUNDS: tuple[tuple[Literal["at_least", "at_most"], str], ...] = (("at_least", "low"), ("at_most", "high"))


class TextModel(StageSettings):
    """One model, and the limits of its score. A kind adds `kind`, what it is made of, and limits with their unit."""

    takes_both_limits: ClassVar[bool] = True

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$", description="its score is models.NAME, in scores.parquet and in ledgers"
    )
    at_least: float | None = Field(
        None, description="the smallest score that is kept", json_schema_extra=neutral(None, unit="score")
    )
    at_most: float | None = Field(
        None, description="the largest score that is kept", json_schema_extra=neutral(None, unit="score")
    )
    languages: Languages = Field(
        None,
        description="judged by it are documents in these, ISO 639-1; None: in all. All get a score",
        json_schema_extra=neutral(None),
    )

    @model_validator(mode="after")
    def _honourable_limits(self) -> Self:
        if self.at_least is None or self.at_most is None:
            return self
        if not self.takes_both_limits:
            raise ValueError("a model takes at_least or at_most, not both")
        if self.at_least > self.at_most:
            raise ValueError("at_least lies above at_most: nothing would be kept")
        return self

    @property
    def column(self) -> str:
        """Where its score stands."""
        return column_of(self.name)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that judge its score, none where it has no limit and is only written down.

        They are called as its column is; where both limits may be set, by the bound too: `models.NAME.at_most`.
        """
        limits = ((bound, side, getattr(self, bound)) for bound, side in BOUNDS)
        return tuple(
            Rule(
                f"{self.column}.{bound}" if self.takes_both_limits else self.column,
                self.column,
                bound,
                limit,
                f"{side}_{self.name}",
                self.languages,
            )
            for bound, side, limit in limits
            if limit is not None
        )


def column_of(name: str) -> str:
    """Where the score of a model stands: under a name that no signal and no count of terms has."""
    return f"models.{name}"


def rules_of(models: Sequence[TextModel]) -> list[tuple[Rule, TextModel]]:
    """All rules of some models, each with the model that has its limit."""
    return [(rule, model) for model in models for rule in model.rules]


def named_once(models: tuple[TextModel, ...]) -> tuple[TextModel, ...]:
    """The models, if no two have one name. Raises `ValueError`."""
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError(f"a name stands there twice: {', '.join(sorted(names))}")
    return models
