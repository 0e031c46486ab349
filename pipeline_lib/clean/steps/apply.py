"""Steps applied to a column of texts, and what they did.

No step leaves nothing of a text, nor makes it longer than twice and a thousand bytes: such a text stays as it was, and
is counted as spared. So does one that a step would take a term of the user's list out of (terminology.py).
What a step changes is repaired once more at the end, because a character that goes may bring two others together.
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.steps import STEPS, unicode_repair
from pipeline_lib.clean.steps.bounds import most_bytes
from pipeline_lib.clean.steps.counts import Count, Counts, added
from pipeline_lib.clean.steps.step import Change
from pipeline_lib.clean.terminology import Terminology
from pipeline_lib.clean.text_settings import TextSettings

_SIGN = r"[^\s\p{Z}]"  # what is no blank of any script


def changes_of(settings: TextSettings) -> list[Change]:
    """What is done to texts, in its order."""
    changes = [change for step in STEPS if settings.is_step_on(step) for change in step.changes(settings)]
    is_repaired = changes[:1] == [unicode_repair.CHANGE]
    return [*changes, unicode_repair.CHANGE] if is_repaired and len(changes) > 1 else changes


def changed_texts(settings: TextSettings, texts: pa.LargeStringArray) -> tuple[pa.LargeStringArray, Counts]:
    """The texts behind all steps, and what each of them did."""
    counts: Counts = {}
    for change in changes_of(settings):
        texts, count = apply(change, texts, settings.terminology)
        counts = added(counts, {change.name: count})
    return texts, counts


def apply(
    change: Change, texts: pa.LargeStringArray, terminology: tuple[str, ...] = ()
) -> tuple[pa.LargeStringArray, Count]:
    """The texts behind one change, which is not let into any of the terms, and what it did."""
    is_asked = change.asks(texts)
    if not is_asked.true_count:
        return texts, Count()
    before = texts.filter(is_asked)
    is_kept_out = change.is_bounded and terminology
    after = Terminology.of(terminology).kept(change.make, before) if is_kept_out else change.make(before)
    num_spared = 0
    if change.is_bounded:
        is_spared = _is_refused(before, after)
        after, num_spared = pc.if_else(is_spared, before, after), is_spared.true_count
    is_changed = pc.not_equal(before, after)
    removed = pc.sum(pc.utf8_length(before.filter(is_changed))), pc.sum(pc.utf8_length(after.filter(is_changed)))
    num_before, num_after = (total.as_py() or 0 for total in removed)
    count = Count(is_changed.true_count, num_before - num_after, num_spared)
    return (pc.replace_with_mask(texts, is_asked, after) if count.num_changed else texts), count


def _is_refused(before: pa.LargeStringArray, after: pa.LargeStringArray) -> pa.BooleanArray:
    is_emptied = pc.and_not(pc.match_substring_regex(before, _SIGN), pc.match_substring_regex(after, _SIGN))
    is_too_long = pc.greater(pc.binary_length(after), most_bytes(before))
    return pc.fill_null(pc.or_(is_emptied, is_too_long), True)
