"""Whether Chinese is written in traditional or in simplified characters: by which national character sets hold them.

What GB 2312 has and Big5 has not is simplified (发 图 们), what Big5 has and GB 2312 has not is traditional (發 圖 們).
What both have (后 里 干 中 文) tells nothing, nor what none has. The sets come out of Python's codecs.

A text is in the script of nine in ten of its characters that tell one, else in both; where none tells, in neither.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.characters import HAN
from pipeline_lib.text.utf8 import Bytes, decode

NEITHER, SIMPLIFIED, TRADITIONAL, MIXED = range(4)
ONE_IN = 10  # of the characters that tell may be of the other script
_NUM_CODES = 0x10000  # the sets have nothing above


def scripts_of(data: Bytes, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The script of each text, int64[D], by the buffers of a column of large strings: uint8[num_bytes], int64[D+1]."""
    told = np.zeros((len(offsets) - 1, 3), np.int64)
    _count(data, offsets, _telling(), told)
    simplified, traditional = told[:, SIMPLIFIED], told[:, TRADITIONAL]
    fewer, all_that_tell = np.minimum(simplified, traditional), simplified + traditional
    larger = np.where(simplified >= traditional, SIMPLIFIED, TRADITIONAL)
    return np.where(all_that_tell == 0, NEITHER, np.where(fewer * ONE_IN > all_that_tell, MIXED, larger))


@compiled
def _count(data: Bytes, offsets: NDArray[np.int64], telling: Bytes, told: NDArray[np.int64]) -> None:
    """How many characters of each text tell nothing, simplified and traditional."""
    for document in range(len(told)):
        at = offsets[document]
        while at < offsets[document + 1]:
            code, width = decode(data, at)
            at += width
            told[document, telling[code] if code < len(telling) else 0] += 1


@cache
def _telling() -> Bytes:
    """By code point below _NUM_CODES SIMPLIFIED, TRADITIONAL, or NEITHER where it tells nothing; uint8."""
    telling = np.zeros(_NUM_CODES, np.uint8)
    codes = [code for first, last in HAN if last < _NUM_CODES for code in range(first, last + 1)]
    han = "".join(map(chr, codes))
    new, old = (set(han.encode(charset, "ignore").decode(charset)) for charset in ("gb2312", "big5"))
    for script, characters in ((SIMPLIFIED, new - old), (TRADITIONAL, old - new)):
        telling[[ord(character) for character in characters]] = script
    return telling
