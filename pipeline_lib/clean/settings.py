"""Settings of `[clean]`: which languages, which limits, which terms and names are counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PlainSerializer, ValidationInfo, field_validator, model_validator

from pipeline_lib.base.extras import release_of
from pipeline_lib.base.settings import NONE, StageSettings, neutral, neutral_items, operational
from pipeline_lib.clean.language_names import Languages
from pipeline_lib.clean.model_kinds import AnyModel, kind_of
from pipeline_lib.clean.model_settings import named_once
from pipeline_lib.clean.rule_sets import DEFAULT, full_name, limits_of
from pipeline_lib.clean.rules import RULE_BY_NAME, RULES, nearest_rule
from pipeline_lib.clean.text_settings import TextSettings
from pipeline_lib.clean.token_patterns import Pattern
from pipeline_lib.clean.words import JIEBA, Words

OFF = "off"
PIPELINE = ".spacy_pipeline"  # its digest among those of models; no model has such a name


def _whole_if_possible(value: float) -> int | float:
    return int(value) if value == int(value) else value


# 40 and 40.0 are one limit: they must give one fingerprint, and a plan shows them as 40.
Number = Annotated[float, Field(ge=0, allow_inf_nan=False), PlainSerializer(_whole_if_possible)]


class Limit(StageSettings):
    """The limit of one rule: the bound that the rule has, and no other."""

    at_least: Number | None = Field(
        None, description="the smallest value that is kept", json_schema_extra=neutral(None)
    )
    at_most: Number | None = Field(None, description="the largest value that is kept", json_schema_extra=neutral(None))


class EntityRule(StageSettings):
    """What spaCy's EntityRuler counts under one label: terms, in any case of letters, and patterns of tokens."""

    label: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$", description="name of the count; BOILERPLATE: `num_boilerplate`")
    terms: tuple[Annotated[str, Field(min_length=2, pattern=r"^[^\n]*[^\n ][^\n]*$")], ...] = Field(
        (), description="Chinese, English, any; of one line each"
    )
    patterns: tuple[Pattern, ...] = Field(
        (), description="rows of tokens; spaCy reads the texts that may hold one", json_schema_extra=neutral(())
    )

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if not (self.terms or self.patterns):
            raise ValueError(f"{self.label} has neither terms nor patterns")
        return self


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


def _rules_of(sets: Sequence[str]) -> dict[str, Limit | None]:
    limits = limits_of(sets, RULES)
    return {name: None if at is None else Limit(**{RULE_BY_NAME[name].bound: at}) for name, at in limits.items()}


def _without_off(given: Mapping[Any, Any]) -> dict[Any, Any]:
    """The limits with None for those that are switched off by name."""
    return {name: None if limit in (OFF, NONE) else limit for name, limit in given.items()}


class CleanSettings(TextSettings):
    """What is taken for good text."""

    languages: Languages = Field(
        ("en", "zh"),
        description="languages that are kept, ISO 639-1; None keeps all, also text in no language that is recognized",
    )
    rule_set: tuple[str, ...] = Field(
        (DEFAULT,),
        description="where the limits come from: default, gopher, c4, fineweb, refinedweb, zh_web, code; of several "
        "sets all limits count, of none all rules are off",
        json_schema_extra=neutral((DEFAULT,)),
    )
    words: Words = Field(
        "whitespace",
        description="what a word is: what stands between blanks, and each Chinese character; 'spacy': all is counted "
        "as datatrove's filters count it in English; 'jieba' (extra 'chinese'): so with words of a Chinese dictionary",
        json_schema_extra=neutral("whitespace"),
    )
    rules: dict[str, Limit | None] = Field(
        default_factory=dict,
        description="limits by rule; a rule that is not named keeps that of the set, 'off' switches one off",
        json_schema_extra=neutral_items(None),
    )
    count_sentences: bool = Field(
        False,
        description="count sentences by their signs (for min_sentences.v1), in any script, at 300 MB/s",
        json_schema_extra=neutral(False),
    )
    spacy_sentences: bool = Field(
        False,
        description="count them as spaCy's sentencizer does; off, because at 1 MB/s it costs more than all the rest",
        json_schema_extra=neutral(False),
    )
    spacy_pipeline: Path | None = Field(
        None,
        description="the folder of a trained pipeline of yours; what entities it finds is counted by label, never kept",
        json_schema_extra=operational(),
    )
    entity_rules: tuple[EntityRule, ...] = Field(
        DEFAULT_ENTITY_RULES, description="what spaCy counts in documents", json_schema_extra=neutral(())
    )
    entity_limits: dict[str, Annotated[int, Field(ge=0)] | None] = Field(
        default_factory=dict,
        description="by label: documents with more matches are dropped; a label that is not named is only counted",
        json_schema_extra=neutral_items(None, unit="matches"),
    )

    models: Annotated[tuple[AnyModel, ...], AfterValidator(named_once)] = Field(
        (),
        description="classifiers, n-gram models and lists of yours; their scores are signals (docs/models.md)",
        json_schema_extra=neutral(()),
    )

    def outside(self) -> dict[str, str]:
        """By the name of a model the digest of what it is made of; that of the pipeline; releases of extras in use.

        Raises `SettingsError` where they are of no use.
        """
        found = {model.name: kind_of(model).digest(model) for model in self.models}
        if self.spacy_pipeline is not None:
            from pipeline_lib.clean.spacy_pipeline import digest_of_pipeline

            found[PIPELINE] = digest_of_pipeline(self.spacy_pipeline)
        return found | self.release_of_extractor() | self.release_of_words()

    def release_of_words(self) -> dict[str, str]:
        """That of what divides Chinese into words, where something does."""
        if self.words != "jieba":
            return {}
        asked = 'clean.words = "jieba"'
        return {JIEBA: release_of(JIEBA, extra="chinese", asked_by=asked, instead='"whitespace"')}

    @field_validator("rule_set", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @field_validator("rule_set")
    @classmethod
    def _by_full_name(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """They are a set, too."""
        return tuple(sorted({full_name(name) for name in names}))

    @field_validator("rules", mode="before")
    @classmethod
    def _complete(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, Mapping):
            return given
        for name in given:
            if name not in RULE_BY_NAME:
                raise ValueError(f"there is no rule {name!r}; {nearest_rule(str(name))}")
        return {**_rules_of(info.data.get("rule_set", ())), **_without_off(given)}

    @field_validator("entity_limits", mode="before")
    @classmethod
    def _off_by_name(cls, given: Any) -> Any:
        return _without_off(given) if isinstance(given, Mapping) else given

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
        if self.count_sentences and self.spacy_sentences:
            raise ValueError(
                "sentences are counted by their signs (count_sentences) or by spacy_sentences, not by both"
            )
        if self.rules["min_sentences.v1"] is not None and not (self.count_sentences or self.spacy_sentences):
            raise ValueError("min_sentences.v1 needs count_sentences = true, or spacy_sentences = true")
        labels = [rule.label for rule in self.entity_rules]
        if len(set(labels)) < len(labels):
            raise ValueError(f"entity_rules has a label twice: {', '.join(sorted(labels))}")
        for label in self.entity_limits.keys() - set(labels):
            raise ValueError(f"entity_limits has {label!r}, which no rule of entity_rules counts: {', '.join(labels)}")
        return self
