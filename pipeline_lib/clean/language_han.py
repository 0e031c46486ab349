"""Chinese or Japanese, where a text is written in Han characters: by which national character sets hold them.

JIS X 0208 and GB 2312 list the forms that Japan and China reformed, each in its way (発 发, 図 图); Big5 and KS X 1001
those from before (發 圖), with variants. 第一条 日本国憲法 is within JIS alone: 憲 is not in GB 2312, 条 and 国 are not
among the old forms. The sets come out of Python's codecs. Kana and 々 count as outside of Chinese.

A text is Japanese where one in 25 of its characters is outside of simplified, and one in 25 outside of traditional
Chinese, and four times as many as are outside of JIS. Rare characters and variants are less than that: of 51,000 poems
of Tang and Song two are taken for Japanese. What all sets hold (民法) tells nothing, and stays Chinese.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.language_sample import Counts
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.characters import HAN, KANA, Ranges
from pipeline_lib.text.utf8 import Bytes, decode

NOT_IN_JIS, NOT_IN_GB, NOT_OLD, SIGN = 1, 2, 4, 8  # of a code point
LEAST_SHARE, LEAST_RATIO = 0.04, 4
_NUM_CODES = 0x10000  # above it there are Han alone, which are in none of the sets
_CHARSETS = {NOT_IN_JIS: ("shift_jis",), NOT_IN_GB: ("gb2312",), NOT_OLD: ("big5", "euc_kr")}
_REPEATED: Ranges = ((0x3005, 0x3006),)  # 々, and 〆


def is_japanese(texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
    """Whether each text fits Japanese, and neither way to write Chinese."""
    num_signs, not_in_jis, not_in_gb, not_old = _count(texts).T
    not_in_chinese = np.minimum(not_in_gb, not_old)
    is_enough = (not_in_chinese > 0) & (not_in_chinese >= LEAST_SHARE * num_signs)
    found: npt.NDArray[np.bool_] = is_enough & (not_in_chinese >= LEAST_RATIO * not_in_jis)
    return found


def _count(texts: pa.LargeStringArray) -> Counts:
    """Of each text: Han and kana; how many of them are not in JIS, not in GB, not an old form; int64."""
    counts = np.zeros((len(texts), 4), np.int64)
    data, offsets = buffers_of(texts)
    _count_signs(data, offsets, _sets(), counts)
    return counts


@compiled
def _count_signs(data: Bytes, offsets: Counts, sets: Bytes, counts: Counts) -> None:
    for i in range(len(counts)):
        at = offsets[i]
        while at < offsets[i + 1]:
            code, width = decode(data, at)
            at += width
            kind = np.int64(sets[code]) if code < len(sets) else SIGN | NOT_IN_JIS | NOT_IN_GB | NOT_OLD
            counts[i, 0] += kind // SIGN
            counts[i, 1] += kind & NOT_IN_JIS
            counts[i, 2] += (kind & NOT_IN_GB) // NOT_IN_GB
            counts[i, 3] += (kind & NOT_OLD) // NOT_OLD


@cache
def _sets() -> Bytes:
    """By code point below _NUM_CODES: SIGN, and which sets do not hold it; 0 for what tells nothing; uint8."""
    sets = np.zeros(_NUM_CODES, np.uint8)
    _mark(sets, HAN, SIGN)
    characters = "".join(map(chr, np.flatnonzero(sets)))
    for flag, charsets in _CHARSETS.items():
        held = {sign for charset in charsets for sign in characters.encode(charset, "ignore").decode(charset)}
        sets[[ord(sign) for sign in set(characters) - held]] |= flag
    _mark(sets, (*KANA, *_REPEATED), SIGN | NOT_IN_GB | NOT_OLD)
    return sets


def _mark(sets: Bytes, ranges: Ranges, flags: int) -> None:
    for first, last in ranges:
        sets[first : last + 1] |= np.uint8(flags)
