"""Forms of one Han character, traditional, simplified and of a region, as one: for comparison, never for reading.

A conversion picks one form for another by the words around: 發 and 髮 become 发, and 发 one of them. So nothing is
converted here. Characters that any conversion turns into one another are a class (发發髮, 后後, 里裏裡, 干乾幹榦), and
each stands for all of it. Then a text and its conversion are the same, whether that went by words or by characters, and
no word has to be found. What is lost is what tells 皇后 from 後面 by that sign alone: little, where several characters
in a row have to be the same.

The classes are those of the dictionaries of OpenCC (https://github.com/BYVoid/OpenCC, Apache-2.0), and what the General
List of Simplified Characters made one in some readings alone. Japanese forms are in them only where China has the same
(国, 学; not 発, 図).
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Final

from pipeline_lib.base.extras import release_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE: Final = "opencc"
# From and to: s simplified; t traditional, of OpenCC's own standard; tw and hk as in Taiwan and Hong Kong.
CONVERSIONS: Final = ("t2s", "tw2s", "hk2s", "s2t", "s2tw", "s2hk")
# One in some readings (瞭, 藉), or until 1986 (覆, 像, 疊, 囉). By itself each is a character of both scripts, so that
# conversions change it within words only: 174 of the 178 characters that were left of 880,000 of Chinese laws.
IN_WORDS: Final = ("了瞭", "借藉", "复覆", "象像", "迭疊", "罗囉")


def release() -> str:
    """The release of OpenCC whose dictionaries are at hand: what decides which characters are one.

    Raises `SettingsError` where there is none.
    """
    return release_of(PACKAGE, extra="chinese", asked_by='dedup.chinese_scripts = "unified"', instead='"apart"')


@cache
def unified_characters() -> "NDArray[np.uint32]":
    """As `folded_characters`, and each Han character as the one that stands for its class, uint32[NUM_CODES].

    That is the shortest of the class in UTF-8, and of these the first: normalized text never grows.
    """
    import numpy as np

    from pipeline_lib.text.characters import NUM_CODES, folded_characters

    release()
    unified = np.arange(NUM_CODES, dtype=np.uint32)
    for members in classes():
        unified[sorted(members)] = min(members, key=lambda code: (len(chr(code).encode()), code))
    return unified[folded_characters()]


def classes() -> list[set[int]]:
    """The code points of each class of several folded characters, in the order of their first ones."""
    from pipeline_lib.text.characters import folded_characters

    folded, parents = folded_characters(), dict[int, int]()
    for pair in _pairs():
        one, other = (int(folded[code]) for code in pair)
        first, second = sorted((_root(parents, one), _root(parents, other)))
        if first != second:
            parents[second] = first
    found = defaultdict[int, set[int]](set)
    for code in parents:
        found[_root(parents, code)] |= {code, _root(parents, code)}
    return [found[first] for first in sorted(found)]


def _pairs() -> Iterator[tuple[int, int]]:
    """The characters that become another one by some conversion, each by itself, with that one."""
    import opencc

    from pipeline_lib.text.characters import HAN, NUM_CODES

    codes = [code for first, last in HAN for code in range(first, min(last + 1, NUM_CODES))]
    lines = "\n".join(map(chr, codes))
    yield from ((ord(one), ord(other)) for one, other in IN_WORDS)
    for name in CONVERSIONS:
        for code, other in zip(codes, opencc.OpenCC(name).convert(lines).split("\n"), strict=True):
            if len(other) == 1 and ord(other) != code:
                yield code, ord(other)


def _root(parents: dict[int, int], code: int) -> int:
    while (parent := parents.get(code, code)) != code:
        code = parent
    return code
