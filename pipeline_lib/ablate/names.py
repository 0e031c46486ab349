"""What can be taken out for a trial, and by which settings: the one place where such names are given.

    text steps       unicode_repair.v1, invisible.v1, ...; rewrites.NAME, one rule of `clean.rewrites`
    rules            min_words.v1, ...; a set (gopher, c4, ...): the rules that it limits; rules: all of them
    languages        the languages that are kept
    models.NAME      the limit of a classifier
    dedup.near       near duplicates (exact ones always go)

What cannot be taken out has no name: reading, exact duplicates, and the scrub, which is there for people and not for a
score. What is switched off today is switched on for the arm "with"; the other arm is today's settings then.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.settings import StageSettings
from pipeline_lib.clean.rule_sets import DEFAULT, SETS, full_name, limits_of
from pipeline_lib.clean.rules import RULE_BY_NAME, RULES, Rule
from pipeline_lib.clean.settings import CleanSettings, Limit
from pipeline_lib.clean.steps import STEPS
from pipeline_lib.clean.steps.step import Step
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.settings.tree import Settings

ALL_RULES, LANGUAGES, NEAR = "rules", "languages", "dedup.near"
REWRITES, MODELS = "rewrites.", "models."


@dataclass(frozen=True)
class Named:
    """A step that is tried: the settings with it and without it. One of the two are today's, unless it is a set of
    rules of which some are on."""

    name: str
    about: str
    with_it: Settings
    without: Settings
    is_on: bool  # today


def named(settings: Settings, name: str) -> Named:
    """The step of that name. Raises `SettingsError` where none has it, with all names, or it has nothing to do."""
    for known, about, make in _every(settings):
        if name == known:
            found: Named = make(settings, name, about)
            return found
    names = list(names_of(settings))
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"Did you mean {near[0]}? " if near else ""
    raise SettingsError(f"ablate: there is no step {name!r}. {advice}There are: {', '.join(names)}.")


def names_of(settings: Settings) -> Iterator[str]:
    """All names that can be given, in the order of the night."""
    return (name for name, _, _ in _every(settings))


def _every(settings: Settings) -> Iterator[tuple[str, str, Any]]:
    own = settings.of(CleanSettings)
    for step in STEPS:
        yield step.name, step.about, _text_step
    for rule in own.rewrites:
        yield f"{REWRITES}{rule.name}", "one rule of clean.rewrites", _rewrite
    yield LANGUAGES, "only documents in clean.languages are kept", _languages
    yield ALL_RULES, "all rules that are on", _rules
    for one in (DEFAULT, *(short(found.name) for found in SETS)):
        yield one, "the rules that this set limits", _rule_set
    for known in RULES:
        yield known.name, f"documents go: {known.reason.replace('_', ' ')}", _rule
    for model in own.models:
        yield f"{MODELS}{model.name}", "the limit of this model's score", _model
    yield NEAR, "near duplicates go", _near


def short(name: str) -> str:
    """A set without its version: the newest of that name."""
    return name.rpartition(".")[0]


def _with(settings: Settings, own: StageSettings, **changes: Any) -> Settings:
    """The settings with other values in one section, checked as all settings are."""
    section = next(name for name, field in type(settings).model_fields.items() if field.annotation is type(own))
    made = own.model_copy(update=changes)
    return settings.model_copy(update={section: type(own).model_validate(dict(made))})


def _text_step(settings: Settings, name: str, about: str) -> Named:
    own = settings.of(CleanSettings)
    step = next(step for step in STEPS if step.name == name)
    missing = [setting for setting in step.reads if getattr(own, setting) == ()]
    if missing:
        raise SettingsError(f"ablate: {name} has nothing to do: clean.{missing[0]} is empty.")
    return _switched(settings, own, step, name, about)


def _switched(settings: Settings, own: CleanSettings, step: Step, name: str, about: str) -> Named:
    on, off = (_with(settings, own, steps={**own.steps, step.name: value}) for value in (True, False))
    return Named(name, about, on, off, own.is_step_on(step))


def _rewrite(settings: Settings, name: str, about: str) -> Named:
    own = settings.of(CleanSettings)
    others = tuple(rule for rule in own.rewrites if f"{REWRITES}{rule.name}" != name)
    return Named(name, about, settings, _with(settings, own, rewrites=others), is_on=True)


def _languages(settings: Settings, name: str, about: str) -> Named:
    own = settings.of(CleanSettings)
    if own.languages is None:
        raise SettingsError("ablate: clean.languages is none: all are kept. Name some: --clean.languages '[\"en\"]'.")
    return Named(name, about, settings, _with(settings, own, languages=None), is_on=True)


def _rules(settings: Settings, name: str, about: str) -> Named:
    own = settings.of(CleanSettings)
    if not any(own.rules.values()):
        raise SettingsError("ablate: no rule is on. Choose a set: --clean.rule_set default.")
    return Named(name, about, settings, _without_rules(settings, own, own.rules), is_on=True)


def _rule_set(settings: Settings, name: str, about: str) -> Named:
    """The rules that a set limits; those of them that are on keep the limits that they have."""
    own = settings.of(CleanSettings)
    limits = {rule: at for rule, at in limits_of([full_name(name)], RULES).items() if at is not None}
    missing = {rule: _limit(RULE_BY_NAME[rule], at) for rule, at in limits.items() if own.rules[rule] is None}
    with_it = _with(settings, own, rules={**own.rules, **missing}) if missing else settings
    return Named(name, about, with_it, _without_rules(settings, own, limits), is_on=not missing)


def _rule(settings: Settings, name: str, about: str) -> Named:
    own, rule = settings.of(CleanSettings), RULE_BY_NAME[name]
    if own.rules[name] is not None:
        return Named(name, about, settings, _without_rules(settings, own, [name]), is_on=True)
    if rule.limit is None:
        option = f"--clean.rules.{name}.{rule.bound} NUMBER"
        raise SettingsError(f"ablate: {name} is off and has no limit of its own. Give it one: {option}.")
    on = _with(settings, own, rules={**own.rules, name: _limit(rule, rule.limit)})
    return Named(name, about, on, settings, is_on=False)


def _limit(rule: Rule, at: float) -> Limit:
    return Limit(**{rule.bound: at})


def _without_rules(settings: Settings, own: CleanSettings, names: Any) -> Settings:
    return _with(settings, own, rules={**own.rules, **dict.fromkeys(names)})


def _model(settings: Settings, name: str, about: str) -> Named:
    own = settings.of(CleanSettings)
    model = next(model for model in own.models if f"{MODELS}{model.name}" == name)
    if not model.rules:
        raise SettingsError(f"ablate: {name} has no limit, so it drops nothing. Give it at_least or at_most.")
    free = model.model_copy(update={"at_least": None, "at_most": None})
    others = tuple(free if one is model else one for one in own.models)
    return Named(name, about, settings, _with(settings, own, models=others), is_on=True)


def _near(settings: Settings, name: str, about: str) -> Named:
    own = settings.of(DedupSettings)
    on = settings if own.method is not None else _with(settings, own, method="minhash")
    return Named(name, about, on, _with(settings, own, method=None), is_on=own.method is not None)
