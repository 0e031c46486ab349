"""Rewrites: the user's own rules."""

import json
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop, SettingsError
from pipeline_lib.clean.steps import rewrites
from pipeline_lib.clean.steps.counts import Count, added, check, counts_in, facts_of
from pipeline_lib.run.lists import sum_of
from pipeline_lib.stages import resolve
from pipeline_lib.store.artifact import Outcome
from tests.unit.clean.steps.conftest import went

STEP = rewrites.NAME


def _rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {
        "rewrites": [{"name": f"rule_{n}.v1", "pattern": find, "replace": put} for n, (find, put) in enumerate(pairs)]
    }


@pytest.mark.parametrize(
    ("rules", "before", "after"),
    [
        ([(r"\bFoo(bar)?\b", r"Quux\1")], "Foobar and Foo, Food", "Quuxbar and Quux, Food"),
        ([("a", "b"), ("b", "c")], "ab", "cc"),
        ([("(?m)^> ", "")], "> one\n> two", "one\ntwo"),
        ([(r"(\p{Han}) +(\p{Han})", r"\1\2")], "夜 里 no one", "夜里 no one"),
        ([("(?i)nlp", "natural language processing")], "NLP", "natural language processing"),
        ([(r"\.", r"\\")], "a.b", r"a\b"),
    ],
)
def test_rules_are_applied_in_their_order(rules: list[tuple[str, str]], before: str, after: str) -> None:
    assert went([before], STEP, **_rules(*rules))[0] == [after]


def test_each_rule_is_counted_by_its_name() -> None:
    texts, counts = went(["aab", "b", "c"], STEP, **_rules(("a", ""), ("b", "xyz")))
    assert texts == ["xyz", "xyz", "c"]
    assert counts == {"rewrites.rule_0.v1": Count(1, 2, 0), "rewrites.rule_1.v1": Count(2, -4, 0)}


@pytest.mark.parametrize("pattern", ["(?s).*", r"(?m)^.*$", "[^x]"])
def test_a_rule_never_leaves_nothing_of_a_text(pattern: str) -> None:
    texts, counts = went(["all of this", "  "], STEP, **_rules((pattern, "")))
    assert texts[0] == "all of this"
    assert counts["rewrites.rule_0.v1"].num_spared == 1


@pytest.mark.parametrize(
    ("find", "put"), [("a", "b" * 100), (r"\b", "y" * 500), ("(a+)", r"\1\1\1"), ("a*", "x" * 300)]
)
def test_a_rule_never_makes_a_text_far_longer(find: str, put: str) -> None:
    text = "a" * 2_000 + " a" * 30
    texts, counts = went([text, "."], STEP, **_rules((find, put)))
    assert texts[0] == text
    assert counts["rewrites.rule_0.v1"].num_spared == 1


def test_a_rule_may_make_a_short_text_longer() -> None:
    assert went(["a"], STEP, **_rules(("a", "b" * 1_000)))[0] == ["b" * 1_000]


@pytest.mark.parametrize("pattern", ["(?m)^", "^", r"(?m)^\s*", "^."])
def test_a_start_is_counted_where_it_is_and_not_at_every_byte(pattern: str) -> None:
    text = "a line of some words\n" * 60
    (after,), counts = went([text], STEP, **_rules((pattern, "quote> ")))
    assert "quote> " in after and counts["rewrites.rule_0.v1"].num_spared == 0
    (after,), counts = went([text], STEP, **_rules((pattern, "q" * 1_000)))
    assert (after == text) is (pattern.startswith("(?m)"))  # sixty thousand characters, or one


def test_a_rule_that_would_empty_most_of_what_it_changes_stops_the_night_and_a_better_one_does_not() -> None:
    texts = [f"text {n}" for n in range(30)]
    with pytest.raises(GuardStop, match=r"rewrites\.rule_0\.v1 would leave nothing .* 30 of the 30 documents") as stop:
        check(went(texts, STEP, **_rules((".*", "")))[1])
    assert "Correct its pattern" in str(stop.value)
    check(went(texts, STEP, **_rules(("text ", "")))[1])


def test_a_few_texts_that_are_let_alone_stop_nothing() -> None:
    check({"rewrites.a": Count(100, 100, 99), "rewrites.b": Count(0, 0, 19)})


def test_documents_of_nothing_but_residue_are_for_the_rules_and_stop_nothing() -> None:
    _, counts = went(["\u200b", "<br>", "\u3000\u200b"] * 20, "invisible.v1", "tags.v1")
    assert counts["invisible.v1"].num_spared == 40
    check(counts)


def test_counts_survive_as_facts_that_are_added_up() -> None:
    one, two = {"a.v1": Count(1, -2, 3), "b.v1": Count(1)}, {"a.v1": Count(10, 20, 30)}
    total = sum_of([Outcome(1, 1, facts=facts_of(one)), Outcome(1, 1, facts=facts_of(two))])
    assert counts_in(total.facts) == added(one, two) == {"a.v1": Count(11, 18, 33), "b.v1": Count(1, 0, 0)}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"pattern": "ab(c"}, r"clean\.rewrites\.0\.pattern: RE2 cannot read it: missing \): .*, at character 1"),
        ({"pattern": "ab[z-a]"}, r"character class range: z-a, at character 4"),
        ({"pattern": "a(?=b)"}, r"invalid perl operator: \(\?=, at character 2"),
        ({"pattern": r"\Qa.b"}, r"RE2 cannot read it: missing \)"),
        ({"pattern": "(a)", "replace": r"\2"}, r"clean\.rewrites\.0\.replace: \\2 at character 1: the pattern has 1 "),
        ({"pattern": "a", "replace": "b\\"}, r"a backslash at character 2 stands before no digit; write \\\\"),
        ({"pattern": "a", "replace": r"\n"}, r"a backslash at character 1 stands before no digit"),
        ({"pattern": "(a)", "replace": r"\1" * 10}, r"refers to groups 10 times; at most 9"),
        ({"pattern": "a", "name": "A b"}, r"clean\.rewrites\.0\.name: .*pattern"),
        ({"pattern": ""}, r"clean\.rewrites\.0\.pattern: .*at least 1 character"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_with_its_place(rule: dict[str, str], message: str) -> None:
    given = json.dumps([{"name": "x", **rule}])
    with pytest.raises(SettingsError, match=message):
        resolve(None, {}, [("clean.rewrites", given)])


def test_what_the_message_advises_helps() -> None:
    assert went(["a"], STEP, **_rules(("a", "b\\\\")))[0] == ["b\\"]
