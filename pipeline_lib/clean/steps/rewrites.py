"""The user's own rules: a pattern of RE2 and what stands in its place, one after the other, as Arrow columns.

A result that would be far too long is not made: each match puts in at least the fixed part of `replace`, so the number
of matches tells beforehand.
"""

import re
from functools import partial
from typing import TYPE_CHECKING

from pipeline_lib.clean.steps.counts import REWRITES
from pipeline_lib.clean.steps.step import Change, Step, holding

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.text_settings import Rewrite, TextSettings

NAME = "rewrites.v1"
_REFERENCE = re.compile(r"\\[0-9\\]")


def _changes(settings: "TextSettings") -> tuple[Change, ...]:
    return tuple(
        Change(f"{REWRITES}{rule.name}", holding(rule.pattern), partial(_rewritten, rule)) for rule in settings.rewrites
    )


def _rewritten(rule: "Rewrite", texts: "pa.LargeStringArray") -> "pa.LargeStringArray":
    """The texts with the rule applied; null those that would surely be too long."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.clean.steps.bounds import most_bytes

    num_fixed = len(_REFERENCE.sub("", rule.replace).encode())
    if num_fixed:
        is_over = pc.greater(pc.multiply(_most_matches(texts, rule.pattern), num_fixed), most_bytes(texts))
        if is_over.true_count:
            found = pc.multiply(_num_matches(texts.filter(is_over), rule.pattern), num_fixed)
            is_over = pc.replace_with_mask(is_over, is_over, pc.greater(found, most_bytes(texts.filter(is_over))))
            texts = pc.if_else(is_over, pa.scalar(None, texts.type), texts)
    return pc.replace_substring_regex(texts, rule.pattern, rule.replace)


def _most_matches(texts: "pa.LargeStringArray", pattern: str) -> "pa.Int64Array":
    """How often a pattern is replaced in each text, or more: the count begins anew behind each match, so `^` is found
    at every byte."""
    import pyarrow.compute as pc

    return pc.count_substring_regex(texts, pattern=pattern)


def _num_matches(texts: "pa.LargeStringArray", pattern: str) -> "pa.Int64Array":
    """How often it is: by what one byte in each place adds."""
    import pyarrow.compute as pc

    with_one, with_none = (pc.replace_substring_regex(texts, pattern, put_in) for put_in in ("x", ""))
    return pc.subtract(pc.binary_length(with_one), pc.binary_length(with_none))


STEP = Step(NAME, "the rules of `clean.rewrites`, in their order", _changes, is_on=True, reads=("rewrites",))
