"""All groups of signals beside those of kernel.py: one file each, and one line here.

Light to import, as every plan asks which of them are wanted: what a group measures with it imports when it does.
"""

from collections.abc import Mapping
from typing import Any

from pipeline_lib.clean.rules import RULES
from pipeline_lib.clean.signal_group import SignalGroup
from pipeline_lib.clean.signal_groups.code import CODE
from pipeline_lib.clean.signal_groups.lines import LINES

GROUPS: tuple[SignalGroup, ...] = (
    LINES,
    CODE,
)
GROUP_BY_NAME = {group.name: group for group in GROUPS}


def groups_asked(limits: Mapping[str, Any]) -> list[str]:
    """The names of the groups that rules with a limit ask for, in the order of GROUPS."""
    asked = {rule.signal for rule in RULES if limits.get(rule.name) is not None}
    return [group.name for group in GROUPS if asked.intersection(group.signals)]
