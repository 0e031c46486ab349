"""Settings of `[[clean.models]]`: a classifier that learns from examples of the user's, and the limit of its score.

[[clean.models]]
name = "quality"
keep = "examples/good"          # a file or a folder of .jsonl and .txt, also .gz, .zst, .bz2
drop = "examples/bad.jsonl"
at_least = 0.5

Instead of two places one may be given, `examples`, JSON Lines that say it themselves: {"text": ..., "label": true}.
Where examples lie decides nothing; what they are decides, by a digest (examples.py).
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from pipeline_lib.base.settings import StageSettings, neutral, operational
from pipeline_lib.clean.rules import Rule

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class TextModel(StageSettings):
    """One classifier: its score is 1 for a text that is like those to keep, 0 for one like those to drop."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$", description="its score is models.NAME, in scores.parquet and in ledgers"
    )
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
    languages: tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] | None = Field(
        None,
        description="judged by it are documents in these, ISO 639-1; None: in all. All get a score",
        json_schema_extra=neutral(None),
    )

    @field_validator("languages")
    @classmethod
    def _in_order(cls, languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if languages is None else tuple(sorted(set(languages)))

    @model_validator(mode="after")
    def _honourable(self) -> Self:
        has_sides = self.keep is not None and self.drop is not None
        has_none = self.keep is None and self.drop is None
        if not (has_sides and self.examples is None) and not (has_none and self.examples is not None):
            raise ValueError("a model takes `keep` and `drop`, or `examples` that have labels")
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("a model takes at_least or at_most, not both")
        return self

    @property
    def column(self) -> str:
        """Where its score stands."""
        return column_of(self.name)

    @property
    def rule(self) -> Rule | None:
        """The rule that judges its score; None where it has no limit, and is only written down."""
        if self.at_least is not None:
            return Rule(self.column, self.column, "at_least", self.at_least, f"low_{self.name}", self.languages)
        if self.at_most is not None:
            return Rule(self.column, self.column, "at_most", self.at_most, f"high_{self.name}", self.languages)
        return None


def column_of(name: str) -> str:
    """Where the score of a model stands: under a name that no signal and no count of terms has."""
    return f"models.{name}"


def named_once(models: tuple[TextModel, ...]) -> tuple[TextModel, ...]:
    """The models, if no two have one name. Raises `ValueError`."""
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError(f"a name stands there twice: {', '.join(sorted(names))}")
    return models
