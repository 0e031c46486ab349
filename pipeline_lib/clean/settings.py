"""Settings of `[clean]`: which languages, which limits, what spaCy looks for."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, field_validator, model_validator

from pipeline_lib.base.settings import NONE, StageSettings
from pipeline_lib.clean.rules import RULE_BY_NAME, RULES, nearest_rule

OFF = "off"


def _whole_if_possible(value: float) -> int | float:
    return int(value) if value == int(value) else value


# 40 and 40.0 are one limit: they must give one fingerprint, and a plan shows them as 40.
Number = Annotated[float, Field(ge=0, allow_inf_nan=False), PlainSerializer(_whole_if_possible)]


class Limit(StageSettings):
    """The limit of one rule: the bound that the rule has, and no other."""

    at_least: Number | None = Field(None, description="the smallest value that is kept")
    at_most: Number | None = Field(None, description="the largest value that is kept")


class EntityRule(StageSettings):
    """Terms that spaCy's EntityRuler counts under one label, in any case of letters."""

    label: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="name of the count; BOILERPLATE: `num_boilerplate`")
    terms: tuple[Annotated[str, Field(min_length=2)], ...] = Field(min_length=1, description="Chinese, English, any")
    at_most: int | None = Field(
        default=None,
        ge=0,
        description="documents with more are dropped; None only counts",
        json_schema_extra={"unit": "matches"},
    )


DEFAULT_ENTITY_RULES = (
    EntityRule(
        label="BOILERPLATE",
        terms=(
            "all rights reserved", "privacy policy", "cookie policy", "terms of service", "accept cookies",
            "subscribe to our newsletter", "版权所有", "未经授权", "责任编辑", "转载请注明", "扫码关注", "隐私政策",
        ),
    ),
    EntityRule(
        label="TERM",
        terms=(
            "machine learning", "deep learning", "neural network", "language model", "training data",
            "机器学习", "深度学习", "神经网络", "语言模型", "人工智能",
        ),
    ),
)  # fmt: skip


def _default_rules() -> dict[str, Limit | None]:
    return {rule.name: None if rule.limit is None else Limit(**{rule.bound: rule.limit}) for rule in RULES}


class CleanSettings(StageSettings):
    """What is taken for good text."""

    languages: tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] | None = Field(
        ("en", "zh"),
        description="languages that are kept, ISO 639-1; None keeps all, also text in no language that is recognized",
    )
    max_html_tags: int = Field(
        40_000,
        ge=1_000,
        description="pages with more are dropped unread, so that no page takes over 5 s; real ones have 20,000",
        json_schema_extra={"unit": "tags"},
    )
    rules: dict[str, Limit | None] = Field(
        default_factory=_default_rules,
        description="limits by rule; a rule that is not named keeps its default, 'off' switches one off",
    )
    spacy_sentences: bool = Field(
        False,
        description="count sentences (for min_sentences.v1); off, because at 1 MB/s it costs more than all the rest",
    )
    entity_rules: tuple[EntityRule, ...] = Field(
        DEFAULT_ENTITY_RULES, description="what spaCy counts in documents that all other rules keep"
    )

    @field_validator("rules", mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        for name in given:
            if name not in RULE_BY_NAME:
                raise ValueError(f"there is no rule {name!r}; {nearest_rule(str(name))}")
        return {**_default_rules(), **{name: None if limit in (OFF, NONE) else limit for name, limit in given.items()}}

    @field_validator("rules")
    @classmethod
    def _right_bounds(cls, rules: dict[str, Limit | None]) -> dict[str, Limit | None]:
        for name, limit in rules.items():
            bound = RULE_BY_NAME[name].bound
            if limit is not None and set(limit.model_dump(exclude_none=True)) != {bound}:
                raise ValueError(f"{name} takes {bound} and nothing else, as in {name}.{bound}")
        return rules

    @model_validator(mode="after")
    def _honourable(self) -> "CleanSettings":
        if self.rules["min_sentences.v1"] is not None and not self.spacy_sentences:
            raise ValueError("min_sentences.v1 needs spacy_sentences = true")
        labels = [rule.label for rule in self.entity_rules]
        if len(set(labels)) < len(labels):
            raise ValueError(f"entity_rules has a label twice: {', '.join(sorted(labels))}")
        return self
