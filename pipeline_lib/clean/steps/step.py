"""What a text step is: a versioned name, a cheap look at which texts concern it, and what becomes of those.

    Step     one line of the list: what it is for, whether it is on by default, the settings that it reads
    Change   what a step does: most steps are one change, the rewrites are one for each rule

RE2 finds at 1 GB/s which texts of a column a step has to look at, so that only those are changed; a text that it does
not find is one that the step leaves as it is. The list of steps is read by the settings: it is light to import.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.text_settings import TextSettings

MOST_PASSES = 8

Asks = Callable[["pa.LargeStringArray"], "pa.BooleanArray"]
Make = Callable[["pa.LargeStringArray"], "pa.LargeStringArray"]


@dataclass(frozen=True)
class Change:
    """`asks` says which texts of a column it has to see; `make` gives those back changed, null what it refuses to."""

    name: str  # under which it is counted
    asks: Asks
    make: Make
    is_bounded: bool = True  # it never leaves nothing of a text, makes one much longer, or changes a term: see apply.py


@dataclass(frozen=True)
class Step:
    """One step; what it means is fixed under its name: a changed meaning gets a new version."""

    name: str  # "invisible.v1"
    about: str  # what goes, in one line
    changes: Callable[["TextSettings"], Sequence[Change]]
    is_on: bool = False  # by default
    reads: tuple[str, ...] = ()  # the settings that its changes follow


def each_text(
    name: str, about: str, looks_for: str, change: Callable[[str], str], *, is_beyond_ascii: bool = False
) -> Step:
    """A step without settings that changes texts one by one, those that hold `looks_for` (RE2).

    `is_beyond_ascii`: that is never found in ASCII, where nothing has to be looked for.
    """
    only = Change(name, holding(looks_for, is_beyond_ascii=is_beyond_ascii), one_by_one(change))
    return Step(name, about, lambda _settings: (only,))


def holding(pattern: str, *, is_beyond_ascii: bool = False) -> Asks:
    """Which texts hold a pattern of RE2."""

    def asks(texts: "pa.LargeStringArray") -> "pa.BooleanArray":
        import pyarrow as pa
        import pyarrow.compute as pc

        if is_beyond_ascii and pc.all(pc.string_is_ascii(texts)).as_py() is not False:
            return pa.repeat(pa.scalar(False), len(texts))
        return pc.match_substring_regex(texts, pattern)

    return asks


def settled(change: Callable[[str], str]) -> Callable[[str], str]:
    """The change, done until nothing changes any more; a text that does not come to rest stays as it was.

    What is taken out of a text may bring together what is taken out, too. Only what somebody made for it goes deeper.
    """

    def until_still(text: str) -> str:
        before = text
        for _ in range(MOST_PASSES):
            after = change(before)
            if after == before:
                return after
            before = after
        return text

    return until_still


def one_by_one(change: Callable[[str], str]) -> Make:
    """Texts changed as Python strings: for what regular expressions cannot say."""

    def make(texts: "pa.LargeStringArray") -> "pa.LargeStringArray":
        import pyarrow as pa

        return pa.array([change(text) for text in texts.to_pylist()], pa.large_string())

    return make
