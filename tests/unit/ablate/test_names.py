"""Which steps can be named for a trial, and by which settings each is taken out."""

from typing import Any

import pytest

from pipeline_lib.ablate.names import named, names_of
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import JUDGE, TEXT
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve

REWRITES = '[{"name": "a.v1", "pattern": "a", "replace": "b"}, {"name": "c.v1", "pattern": "c"}]'


def settings(*pairs: tuple[str, str]) -> Settings:
    return resolve(None, {}, pairs).settings


def decisive(one: Settings) -> list[Any]:
    clean = one.of(CleanSettings)
    return [clean.decisive(TEXT.reads), clean.decisive(JUDGE.reads), one.of(DedupSettings).decisive()]


def every(one: Settings) -> list[str]:
    """The names that have something to do."""
    found = []
    for name in names_of(one):
        try:
            named(one, name)
        except SettingsError:
            continue
        found.append(name)
    return found


def test_each_step_makes_two_kinds_of_text_and_what_is_on_is_on_in_one_of_them() -> None:
    today = settings()
    names = every(today)
    assert {"unicode_repair.v1", "invisible.v1", "min_words.v1", "rules", "gopher", "languages", "dedup.near"} <= {
        *names
    }
    for name in names:
        step = named(today, name)
        assert decisive(step.with_it) != decisive(step.without), name
        assert decisive(step.with_it if step.is_on else step.without) == decisive(today) or name in {
            "gopher", "c4", "refinedweb", "zh_web", "code",
        }  # fmt: skip


def test_what_a_step_does_not_concern_is_the_same_in_both_arms() -> None:
    rule, text, near = (named(settings(), name) for name in ("min_words.v1", "invisible.v1", "dedup.near"))
    for step, others in ((rule, (0, 2)), (text, (1, 2)), (near, (0, 1))):
        for place in others:
            assert decisive(step.with_it)[place] == decisive(step.without)[place]


def test_what_is_off_is_tried_switched_on_and_what_is_on_switched_off() -> None:
    off = named(settings(), "tags.v1")
    assert not off.is_on and off.with_it.of(CleanSettings).steps == {"tags.v1": True}
    on = named(settings(("clean.steps.tags.v1", "on")), "tags.v1")
    assert on.is_on and on.without.of(CleanSettings).steps == {}
    rule = named(settings(("clean.rules.min_words.v1", "off")), "min_words.v1")
    assert not rule.is_on and rule.with_it.of(CleanSettings).rules["min_words.v1"].at_least == 50  # type: ignore[union-attr]
    none = named(settings(("dedup.method", "none")), "dedup.near")
    assert none.with_it.of(DedupSettings).method == "minhash" and not none.is_on


def test_one_rewrite_goes_and_the_others_stay() -> None:
    step = named(settings(("clean.rewrites", REWRITES)), "rewrites.a.v1")
    assert [rule.name for rule in step.without.of(CleanSettings).rewrites] == ["c.v1"]


def test_a_set_is_the_rules_that_it_limits_with_the_limits_that_stand() -> None:
    step = named(settings(("clean.rules.min_words.v1.at_least", "7")), "gopher")
    with_it, without = (one.of(CleanSettings).rules for one in (step.with_it, step.without))
    assert with_it["min_words.v1"].at_least == 7 and without["min_words.v1"] is None  # type: ignore[union-attr]
    assert without["max_javascript.v2"] is not None  # of none of its rules


def test_an_unknown_name_is_answered_with_the_nearest_and_with_all() -> None:
    with pytest.raises(
        SettingsError, match=r"no step 'min_word\.v1'\. Did you mean min_words\.v1\? There are: .*dedup"
    ):
        named(settings(), "min_word.v1")
    with pytest.raises(SettingsError, match=r"no step 'scrub'\. There are: unicode_repair\.v1"):
        named(settings(), "scrub")


@pytest.mark.parametrize(
    ("name", "pairs", "said"),
    [
        ("own_lines.v1", (), "clean.boilerplate_lines is empty"),
        ("rewrites.v1", (), "clean.rewrites is empty"),
        ("max_lines.v1", (), "--clean.rules.max_lines.v1.at_most NUMBER"),
        ("languages", (("clean.languages", "none"),), "all are kept"),
        ("rules", (("clean.rule_set", "[]"),), "no rule is on"),
    ],
)
def test_a_step_that_has_nothing_to_do_says_what_it_lacks(
    name: str, pairs: tuple[tuple[str, str], ...], said: str
) -> None:
    with pytest.raises(SettingsError) as told:
        named(settings(*pairs), name)
    assert said in str(told.value)
