"""Settings and the list of rules."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_lib.clean.language_model import load_model
from pipeline_lib.clean.language_names import TOLD
from pipeline_lib.clean.rules import RULES
from pipeline_lib.clean.settings import CleanSettings, EntityRule, Limit


def test_a_rule_that_is_not_named_keeps_its_default() -> None:
    settings = CleanSettings(rules={"min_words.v1": {"at_least": 40}})
    assert settings.rules["min_words.v1"] == Limit(at_least=40)
    assert settings.rules["max_words.v1"] == Limit(at_most=100_000)
    assert list(settings.rules) == [rule.name for rule in RULES]


def test_a_rule_can_be_switched_off() -> None:
    assert CleanSettings(rules={"min_words.v1": "off"}).rules["min_words.v1"] is None
    assert CleanSettings(rules={"min_words.v1": None}).rules["min_words.v1"] is None


def test_a_limit_of_matches_can_be_set_and_switched_off() -> None:
    limits = CleanSettings(entity_limits={"TERM": 3, "BOILERPLATE": "off"}).entity_limits
    assert limits == {"TERM": 3, "BOILERPLATE": None}


def test_forty_and_forty_point_zero_are_one_setting() -> None:
    whole, point = (CleanSettings(rules={"min_words.v1": {"at_least": number}}) for number in (40, 40.0))
    assert whole.model_dump_json() == point.model_dump_json()
    assert '"min_words.v1":{"at_least":40,' in whole.model_dump_json()


def test_settings_survive_their_own_dump() -> None:
    settings = CleanSettings(rules={"min_words.v1": "off"}, languages=None)
    assert CleanSettings(**settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rules": {"min_wrods.v1": {"at_least": 40}}}, "did you mean min_words.v1"),
        ({"rules": {"zzz": "off"}}, "known are min_chars.v1"),
        ({"rules": {"min_words.v1": {"at_most": 40}}}, "min_words.v1 takes at_least"),
        ({"rules": {"min_words.v1": {}}}, "min_words.v1 takes at_least"),
        ({"rules": {"min_words.v1": {"at_least": float("inf")}}}, "finite"),
        ({"rules": {"min_words.v1": {"at_least": -1}}}, "greater than or equal to 0"),
        ({"rules": 3}, "valid dictionary"),
        ({"rules": {"min_sentences.v1": {"at_least": 5}}}, "needs count_sentences"),
        ({"count_sentences": True, "spacy_sentences": True}, "not by both"),
        ({"languages": ["english"]}, "no document is told"),
        ({"entity_rules": [{"label": "x", "terms": ["ab"]}]}, "pattern"),
        ({"entity_rules": [{"label": "X", "terms": ["ab"]}, {"label": "X", "terms": ["cd"]}]}, "twice"),
        ({"entity_rules": [{"label": "X", "terms": ["a\nb"]}]}, "pattern"),
        ({"entity_limits": {"TREM": 3}}, "TREM.*BOILERPLATE, TERM"),
        ({"entity_limits": {"TERM": -1}}, "greater than or equal to 0"),
        ({"steps": {"invisble.v1": True}}, "did you mean invisible.v1"),
        ({"steps": {"zzz": "on"}}, "known are unicode_repair.v1, "),
        ({"steps": {"invisible.v1": "perhaps"}}, "valid boolean"),
        ({"boilerplate_lines": ["a\nb"]}, "pattern"),
        ({"boilerplate_lines": ["  "]}, "pattern"),
        ({"max_boilerplate_share": 1.5}, "less than or equal to 1"),
        (
            {"rewrites": [{"name": "a", "pattern": "a"}, {"name": "a", "pattern": "b"}]},
            "a name stands there twice: a, a",
        ),
        ({"min_words": 40}, "Extra inputs"),
    ],
)
def test_what_cannot_be_honoured_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CleanSettings(**given)


def test_names_of_rules_are_versioned_and_unique() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(name.rsplit(".", 1)[-1].removeprefix("v").isdigit() for name in names)


def test_reasons_are_not_names_of_rules() -> None:
    assert not {rule.reason for rule in RULES} & {rule.name.split(".")[0] for rule in RULES}


def test_settings_can_be_used_as_a_key_of_a_pipeline() -> None:
    rule = EntityRule(label="X", terms=("ab",))
    assert {rule: 1}[EntityRule(label="X", terms=("ab",))] == 1


@pytest.mark.parametrize("name", ["english", "zh-TW", "xx", "EN", "yue", ""])
def test_a_language_that_no_document_is_told_to_be_in_is_refused(name: str) -> None:
    """It would drop all of the others, or all there is, without a word."""
    with pytest.raises(ValueError, match=rf"no document is told to be in {name!r}.*known are af am"):
        CleanSettings(languages=("en", name))


def test_the_languages_that_may_be_named_are_those_that_the_model_tells() -> None:
    assert {name for name in load_model().languages if len(name) == 2} == TOLD
    assert CleanSettings(languages=("zh", "en", "zh")).languages == ("en", "zh")
