"""What changes the identity of which maker: nothing but what it reads, and nothing by what is switched off."""

from typing import Any

import pytest

from pipeline_lib.clean import settings as clean_settings
from pipeline_lib.clean import steps
from pipeline_lib.clean.rules import RULE_BY_NAME, RULES, Rule
from pipeline_lib.clean.settings import DEFAULT_ENTITY_RULES, CleanSettings, EntityRule
from pipeline_lib.clean.stage import MAKERS
from pipeline_lib.clean.steps import STEPS
from pipeline_lib.clean.steps.step import Step, each_text
from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Ref

ALL_FIELDS_MOVED: dict[str, tuple[Any, set[str]]] = {
    "steps": ({"invisible.v1": True}, {"clean.text"}),
    "boilerplate_lines": (("back to work",), {"clean.text"}),
    "max_boilerplate_share": (0.2, {"clean.text"}),
    "rewrites": (({"name": "a", "pattern": "a"},), {"clean.text"}),
    "extractor": ("resiliparse", {"clean.text"}),
    "page_metadata": (True, {"clean.text"}),
    "terminology": (("night shift",), {"clean.text", "clean.terms"}),
    "terminology_file": ("none", set()),  # what is in it is of `terminology`
    "languages": (("en",), {"clean.judge"}),
    "max_html_tags": (50_000, {"clean.text", "clean.judge"}),
    "rules": ({"min_words.v1": {"at_least": 40}}, {"clean.judge"}),
    "rule_set": ("gopher", {"clean.judge"}),
    "words": ("spacy", {"clean.signals", "clean.judge"}),
    "count_sentences": (True, {"clean.terms"}),
    "spacy_sentences": (True, {"clean.terms"}),  # what it is judged by are its columns
    "spacy_pipeline": ("names", set()),  # its digest is a parameter
    "entity_rules": (
        (*DEFAULT_ENTITY_RULES, EntityRule(label="X", terms=("ab",))),
        {"clean.terms", "clean.judge"},
    ),
    "models": (({"name": "good", "keep": "a", "drop": "b", "at_least": 0.5},), {"clean.judge"}),
    "entity_limits": ({"TERM": 3}, {"clean.judge"}),
}


READ_WITH: dict[str, dict[str, Any]] = {
    "max_boilerplate_share": {"boilerplate_lines": ("back to work",)},
    "terminology": {"steps": {"invisible.v1": True}},
}  # what a field is read beside


def _fingerprints(**given: Any) -> dict[str, str]:
    """Of each maker, for the same inputs."""
    settings = CleanSettings(**given)
    inputs = {"input": Ref("clean", "0" * 32)}
    return {maker.name: Work(maker, settings.only(maker.reads), inputs).fingerprint for maker in MAKERS}


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize("field", CleanSettings.model_fields)
def test_a_field_concerns_the_makers_that_read_it_and_no_other(field: str) -> None:
    value, makers = ALL_FIELDS_MOVED[field]
    beside = READ_WITH.get(field, {})
    assert _changed(_fingerprints(**beside), _fingerprints(**beside, **{field: value})) == makers
    assert {maker.name for maker in MAKERS if field in maker.reads} == makers


@pytest.mark.parametrize(
    ("off", "moved"),
    [
        ({}, {"max_boilerplate_share": 0.2}),
        ({"steps": {"own_lines.v1": False}}, {"boilerplate_lines": ("a line",), "max_boilerplate_share": 0.2}),
        ({"steps": {"rewrites.v1": False}}, {"rewrites": ({"name": "a", "pattern": "a"},)}),
    ],
)
def test_what_a_step_that_is_off_would_read_renames_nothing(off: dict[str, Any], moved: dict[str, Any]) -> None:
    assert _fingerprints(**off, **moved) == _fingerprints(**off)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.limit is not None], ids=lambda rule: rule.name)
def test_switching_a_rule_off_or_moving_it_concerns_the_judge_alone(rule: Rule) -> None:
    moved = {rule.bound: (rule.limit or 0) + 1}
    for limit in ("off", moved):
        assert _changed(_fingerprints(), _fingerprints(rules={rule.name: limit})) == {"clean.judge"}


def test_rules_that_are_off_differ_from_each_other() -> None:
    names = [rule.name for rule in RULES if rule.limit is not None]
    assert len({_fingerprints(rules={name: "off"})["clean.judge"] for name in names}) == len(names)


def test_switching_a_rule_on_again_gives_the_identity_it_had() -> None:
    on = {"min_words.v1": {"at_least": 50}}
    assert _fingerprints(rules=on) == _fingerprints(rules={"min_words.v1": {"at_least": 50.0}}) == _fingerprints()


def test_a_new_rule_that_is_off_changes_nothing_and_one_that_is_on_does(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _fingerprints()
    for limit, makers in ((None, set()), (7, {"clean.judge"})):
        new = Rule("max_night.v1", "num_chars", "at_most", limit, "too_dark")
        monkeypatch.setattr(clean_settings, "RULES", (*RULES, new))
        monkeypatch.setattr(clean_settings, "RULE_BY_NAME", {**RULE_BY_NAME, new.name: new})
        assert _changed(before, _fingerprints()) == makers


@pytest.mark.parametrize("name", ["default", ("default",), ("default", "default")])
def test_the_set_that_is_there_by_itself_changes_nothing_when_it_is_named(name: Any) -> None:
    assert _fingerprints(rule_set=name) == _fingerprints()


def test_a_set_and_the_same_set_with_its_version_are_one() -> None:
    assert _fingerprints(rule_set="gopher") == _fingerprints(rule_set=["gopher.v1"])


@pytest.mark.parametrize("same", [("zh", "en"), ("en", "zh", "en")])
def test_in_which_order_languages_are_given_decides_nothing(same: tuple[str, ...]) -> None:
    assert _fingerprints(languages=same) == _fingerprints(languages=("en", "zh")) == _fingerprints()


def test_what_is_off_is_left_out_of_what_decides() -> None:
    off = CleanSettings(
        rules={rule.name: "off" for rule in RULES}, entity_rules=(), entity_limits={}, languages=None
    ).decisive()
    assert off == {"languages": None, "max_html_tags": 40_000, "rules": {}, "entity_limits": {}}
    assert CleanSettings().decisive()["rules"]["min_words.v1"] == {"at_least": 50}


def test_a_limit_of_matches_that_is_off_is_as_if_it_was_not_there() -> None:
    assert _fingerprints(entity_limits={"TERM": "off"}) == _fingerprints()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_that_is_told_what_it_is_by_default_is_as_if_it_was_not_named(step: Step) -> None:
    assert _fingerprints(steps={step.name: step.is_on}) == _fingerprints()
    assert _changed(_fingerprints(), _fingerprints(steps={step.name: not step.is_on})) == {"clean.text"}


def test_a_new_step_that_is_off_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _fingerprints()
    monkeypatch.setattr(steps, "STEPS", (each_text("night.v1", "", "a", str.upper), *STEPS))
    assert _fingerprints(steps={"night.v1": "off"}) == before
    assert _changed(before, _fingerprints(steps={"night.v1": "on"})) == {"clean.text"}


def test_the_comment_of_a_rewrite_decides_nothing_and_its_order_and_name_do() -> None:
    one, two = {"name": "a", "pattern": "a"}, {"name": "b", "pattern": "b"}
    before = _fingerprints(rewrites=[one, two])
    assert _fingerprints(rewrites=[{**one, "comment": "why"}, two]) == before
    for other in ([two, one], [{**one, "name": "c"}, two], [{**one, "replace": "c"}, two]):
        assert _changed(before, _fingerprints(rewrites=other)) == {"clean.text"}
