"""All rule sets: one file each, and one line here.

`[clean] rule_set = "gopher"` takes the newest version of that name, "gopher.v1" that one. Of several sets all limits
count; where two limit the same rule, the stricter does.
"""

import difflib
from collections.abc import Sequence

from pipeline_lib.clean.rule_set import RuleSet
from pipeline_lib.clean.rule_sets.c4 import C4
from pipeline_lib.clean.rule_sets.code import CODE
from pipeline_lib.clean.rule_sets.fineweb import FINEWEB
from pipeline_lib.clean.rule_sets.gopher import GOPHER
from pipeline_lib.clean.rule_sets.refinedweb import REFINEDWEB
from pipeline_lib.clean.rule_sets.zh_web import ZH_WEB
from pipeline_lib.clean.rules import Rule

DEFAULT = "default"  # the limits that stand with the rules, in rules.py
SETS: tuple[RuleSet, ...] = (  # of one name the newest version last
    GOPHER,
    C4,
    FINEWEB,
    REFINEDWEB,
    ZH_WEB,
    CODE,
)
SET_BY_NAME = {name: one for one in SETS for name in (one.name, one.name.rpartition(".")[0])}


def full_name(name: str) -> str:
    """The name with its version. Raises `ValueError` where there is no such set."""
    if name == DEFAULT:
        return name
    if name not in SET_BY_NAME:
        near = difflib.get_close_matches(name, [DEFAULT, *SET_BY_NAME], n=1)
        advice = f"did you mean {near[0]}?" if near else f"known are {', '.join([DEFAULT, *(s.name for s in SETS)])}"
        raise ValueError(f"there is no rule set {name!r}; {advice}")
    return SET_BY_NAME[name].name


def limits_of(names: Sequence[str], rules: Sequence[Rule]) -> dict[str, float | None]:
    """The limit of each rule in these sets together; None is off. Of no set all rules are off."""
    default = {rule.name: rule.limit for rule in rules}
    chosen = [default if name == DEFAULT else SET_BY_NAME[name].limits for name in names]
    return {
        rule.name: _strictest(rule, [limit for limits in chosen if (limit := limits.get(rule.name)) is not None])
        for rule in rules
    }


def _strictest(rule: Rule, limits: Sequence[float]) -> float | None:
    if not limits:
        return None
    return max(limits) if rule.bound == "at_least" else min(limits)
