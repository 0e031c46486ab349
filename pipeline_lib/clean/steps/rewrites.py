"""The user's own rules: a pattern of RE2 and what stands in its place, one after the other, as Arrow columns.

A result that would be far too long is not made: each match puts in at least the fixed part of `replace`, so counting
matches tells beforehand.
"""

import re
from functools import partial
from typing import TYPE_CHECKING

from pipeline_lib.clean.steps.step import Change, Step, holding

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.text_settings import Rewrite, TextSettings

NAME = "rewrites.v1"
_REFERENCE = re.compile(r"\\[0-9\\]")


def _changes(settings: "TextSettings") -> tuple[Change, ...]:
    return tuple(
        Change(f"rewrites.{rule.name}", holding(rule.pattern), partial(_rewritten, rule)) for rule in settings.rewrites
    )


def _rewritten(rule: "Rewrite", texts: "pa.LargeStringArray") -> "pa.LargeStringArray":
    """The texts with the rule applied; null those that would surely be too long."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.clean.steps.apply import most_bytes

    num_fixed = len(_REFERENCE.sub("", rule.replace).encode())
    if num_fixed:
        least = pc.multiply(pc.count_substring_regex(texts, pattern=rule.pattern), num_fixed)
        texts = pc.if_else(pc.greater(least, most_bytes(texts)), pa.scalar(None, texts.type), texts)
    return pc.replace_substring_regex(texts, rule.pattern, rule.replace)


STEP = Step(NAME, "the rules of `clean.rewrites`, in their order", _changes, is_on=True, reads=("rewrites",))
