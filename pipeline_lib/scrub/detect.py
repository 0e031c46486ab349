"""Find personal data in a text: one linear pass for places worth a look, then a careful look at each place.

The first pass (`SEED`, RE2, on the UTF-8 bytes) finds an "@", a run of seven digits, four octets, two colons between
hexadecimal digits: in whatever script or width. Only windows around such seeds are decoded, folded (see fold.py) and
searched with the detectors, so that clean text costs one pass. Windows that touch are joined; a value longer than a
window's margin has a seed of its own, so nothing is cut. RE2 is linear in the text (the usual e-mail pattern in `re`
takes 2 s for 32,000 hostile characters).
"""

import bisect
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import re2
from numpy.typing import NDArray

from pipeline_lib.scrub import address, checked, phone
from pipeline_lib.scrub.fold import fold
from pipeline_lib.scrub.pseudonym import mask, mask_tokens
from pipeline_lib.scrub.settings import KINDS
from pipeline_lib.scrub.spot import Spot

MARGIN_BYTES = 224  # more than the longest local part (64), domain in use, or label (32 characters of 4 bytes)

_DIGIT = r"\p{Nd}"
_BETWEEN = r"[ \t\p{Zs}\p{Cf}\p{Pd}.．·•・‧()（）/−_]{0,3}"
_DOT = r"\p{Cf}?[.．﹒]\p{Cf}?"
SEED = (
    rf"[@＠﹫][^,.\-@\n]|(?i:[\[({{<（] ?at ?[\])}}>）])|(?i: at [0-9a-z\-]+ dot )|"
    rf"{_DIGIT}(?:{_BETWEEN}{_DIGIT}){{6,}}|{_DIGIT}{{1,3}}(?:{_DOT}{_DIGIT}{{1,3}}){{3}}|[0-9A-Fa-f]{{3,4}}[:：][0-9A-Fa-f]{{0,4}}[:：]"
)
# Most runs of seven digits are dates and spans of years; no detector accepts one.
DATE = re.compile(rb"(?:(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d)(?: [- ]{0,2}\d\d?)?")


@dataclass(frozen=True)
class Hit:
    """One value: where it stands (bytes of the text; characters inside this module), and its normalized spelling."""

    kind: str
    start: int
    end: int
    value: str


@dataclass(frozen=True)
class Detector:
    """A shape, and what its normalized value is; None: it is no such value."""

    kind: str
    pattern: Any  # re2 over Latin-1 bytes
    value_of: Callable[[Spot], str | None]
    needs: Any = None  # re2 over the window: looked for once; without it the detector stays out
    cut_at: str = ""  # where a match may end earlier: "4111 1111 1111 1111 2023" holds a card


def find(text: bytes, regions: Sequence[str]) -> list[Hit]:
    """All hits in a UTF-8 text, in order, without overlap: of two, the longer one, then the earlier of `KINDS`."""
    return [hit for start, end in _windows(text) for hit in find_in_window(text, start, end, tuple(regions))]


def may_hold(strings: pa.Array) -> NDArray[np.bool_]:
    """Whether each string has a seed, bool[N]: in one without there is nothing to find. False for null."""
    found = pc.match_substring_regex(strings, SEED).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def find_in_window(text: bytes, start: int, end: int, regions: tuple[str, ...]) -> Iterator[Hit]:
    """The hits in the bytes `start` to `end`, which must be borders of characters."""
    window = text[start:end].decode()
    folded = fold(window)
    at, done = start, 0
    for hit in _all_hits(mask_tokens(folded.text), regions):
        first, last = folded.original_span(hit.start, hit.end)
        at += len(window[done:first].encode())
        size = len(window[first:last].encode())
        yield Hit(hit.kind, at, at + size, hit.value)
        at, done = at + size, last


def _all_hits(visible: str, regions: tuple[str, ...]) -> list[Hit]:
    """The hits in a folded text, in order; what lost against a longer hit is tried again with what that one left."""
    hits: list[Hit] = []
    while found := _without_overlap(_found(visible, regions)):
        hits += found
        visible = _masked(visible, found)
    return sorted(hits, key=lambda hit: hit.start)


def _masked(visible: str, hits: Sequence[Hit]) -> str:
    pieces, done = [], 0
    for hit in hits:
        pieces += [visible[done : hit.start], mask(hit.kind, hit.end - hit.start)]
        done = hit.end
    return "".join([*pieces, visible[done:]])


def _found(visible: str, regions: tuple[str, ...]) -> list[Hit]:
    """What any detector accepts; hits may overlap."""
    data = visible.encode("latin-1", "replace")  # one byte a character: places in it are places in the text
    wanted = [detector for detector in detectors(regions) if detector.needs is None or detector.needs.search(visible)]
    return [hit for detector in wanted for hit in _scan(detector, visible, data)]


@functools.cache
def detectors(regions: tuple[str, ...]) -> tuple[Detector, ...]:
    """All that is looked for."""
    at = re2.compile("@|(?i:at[ \\])}>])")
    return (
        Detector("email", _compiled(address.EMAIL), address.email_value, at),
        Detector("email", _compiled(address.DISGUISED_EMAIL), address.disguised_email_value, at),
        Detector("ip", _compiled(address.IPV4), address.ipv4_value),
        Detector("ip", _compiled(address.IPV6), address.ipv6_value, re2.compile(":[0-9A-Fa-f]*:")),
        Detector("cn_id", _compiled(checked.CN_ID), checked.cn_id_value),
        Detector("card", _compiled(checked.CARD), checked.card_value, cut_at=" .-/("),
        Detector("phone", _compiled(phone.INTERNATIONAL), phone.international_value, re2.compile(r"\+|00"), " .-/("),
        Detector("phone", _compiled(phone.CN_MOBILE), phone.cn_mobile_value),
        Detector("phone", _compiled(phone.CN_LANDLINE), phone.cn_landline_value, cut_at=" .-/("),
        Detector("phone", _compiled(phone.NATIONAL), phone.national_value(regions), cut_at=" .-/("),
        Detector(
            "phone", _compiled(phone.LABELLED), phone.labelled_value(regions), re2.compile(phone.LABEL_WORD), " .-/("
        ),
    )


def _windows(text: bytes) -> Iterator[tuple[int, int]]:
    """Joined windows around the seeds, widened to the borders of characters."""
    start = end = 0
    for seed in _seed_pattern().finditer(text):
        if DATE.fullmatch(seed.group()):
            continue
        first, last = seed.span()
        if end and first - MARGIN_BYTES > end:
            yield _on_borders(text, start, end)
            end = 0
        if not end:
            start = max(0, first - MARGIN_BYTES)
        end = min(len(text), last + MARGIN_BYTES)
    if end:
        yield _on_borders(text, start, end)


def _on_borders(text: bytes, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(text) and text[end] & 0xC0 == 0x80:
        end += 1
    return start, end


def _scan(detector: Detector, folded: str, data: bytes) -> Iterator[Hit]:
    """What one detector accepts, in characters of the folded text."""
    place = 0
    while match := detector.pattern.search(data, place):
        start, end = match.span()
        place = _behind_first_run(data, start)
        for cut in _ends(data, start, end, detector.cut_at):
            if (value := detector.value_of(Spot(folded, start, cut))) is not None:
                yield Hit(detector.kind, start, cut, value)
                place = cut
                break


def _ends(data: bytes, start: int, end: int, cut_at: str) -> Iterator[int]:
    yield end
    for place in range(end - 1, start, -1):
        if chr(data[place]) in cut_at and chr(data[place - 1]).isdecimal():
            yield place


def _behind_first_run(data: bytes, start: int) -> int:
    """After a refused match: nothing can begin inside its first run of digits."""
    place = start + 1
    while place < len(data) and 0x30 <= data[place - 1] <= 0x39 and 0x30 <= data[place] <= 0x39:
        place += 1
    return place


def _without_overlap(hits: Sequence[Hit]) -> list[Hit]:
    chosen: list[Hit] = []  # in order of their places
    for hit in sorted(hits, key=lambda h: (h.start - h.end, KINDS.index(h.kind), h.start)):
        place = bisect.bisect(chosen, hit.start, key=lambda h: h.start)
        is_free = (place == 0 or chosen[place - 1].end <= hit.start) and (
            place == len(chosen) or hit.end <= chosen[place].start
        )
        if is_free:
            chosen.insert(place, hit)
    return chosen


@functools.cache
def _seed_pattern() -> Any:
    return re2.compile(SEED.encode())


def _compiled(pattern: bytes) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options)
