"""A rule set: limits for rules, under a name and a version. What a rule asks stands in rules.py."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RuleSet:
    """The limits by rule; a rule that is not named is off. Other limits are another version."""

    name: str  # "gopher.v1"
    limits: Mapping[str, float]
