"""Mojibake, control characters, line ends and NFC: what repair.py does.

They are one step, because each may bring another to light; repair goes on until nothing changes. It may leave nothing
of a text, as it always could: one of control characters alone has nothing to keep.
"""

from typing import TYPE_CHECKING

from pipeline_lib.clean.steps.step import Change, Step, one_by_one

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "unicode_repair.v1"


def _asks(texts: "pa.LargeStringArray") -> "pa.BooleanArray":
    from pipeline_lib.clean.repair import may_need_repair

    return may_need_repair(texts)


def _repaired(text: str) -> str:
    from pipeline_lib.clean.repair import repair

    return repair(text)


CHANGE = Change(NAME, _asks, one_by_one(_repaired), is_bounded=False)
STEP = Step(
    NAME,
    "mojibake is made whole, control characters go, lines end in `\\n`, characters are in NFC",
    lambda _settings: (CHANGE,),
    is_on=True,
)
