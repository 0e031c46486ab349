"""Long runs are cut before a text is split into pieces, so that no piece is long and all work is linear in the text.

Thai, Lao, Khmer and Burmese are written without blanks, base64 without anything between, and a run of one kind would be
one piece: learning from 40,000 Thai letters in a run took 4.7 s instead of .2, from 208,000 more than 200 s. A run of
more than 32 letters is cut behind each 32 of them, and so are runs of symbols and of blanks; no ordinary word is
longer. (Han are cut after 8, digits after 3, by the split itself.)

Not by bounds in the split's expression: tiktoken's engine then needs an automaton for each of the 32 places, falls back
to a slow one and encodes Thai, Japanese and Korean at .5 MB/s instead of 25.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, pre_tokenizers

from pipeline_lib.base.compiled import compiled

LONGEST_RUN = 32  # characters
LETTERS = r"[\p{L}\p{M}&&[^\p{Han}]]"
SYMBOLS = r"[^\s\p{L}\p{M}\p{N}]"
BLANKS = r"\s"
KINDS = (LETTERS, SYMBOLS, BLANKS)
RUNS = "|".join(f"{kind}{{{LONGEST_RUN}}}" for kind in KINDS)  # each match becomes a text of its own

NO_RUN, UNSEEN = 0, 255  # Han and digits; a character that was not asked about yet
NUM_CODES = 0x110000
Codes = NDArray[np.uint8] | NDArray[np.uint32]


def cut_long_runs(text: str) -> list[str]:
    """The text in the parts in which `tokenizers` looks at it when it splits at RUNS first."""
    if len(text) < LONGEST_RUN:
        return [text]
    codes, known = _codes(text), _known_kinds()
    places = np.empty(2 * len(codes) // LONGEST_RUN + 1, np.int64)
    num_cuts = _find_cuts(codes, known.table, LONGEST_RUN, places)
    if num_cuts < 0:
        known.ask(codes)
        num_cuts = _find_cuts(codes, known.table, LONGEST_RUN, places)
    if num_cuts == 0:
        return [text]
    return [text[start:end] for start, end in pairwise([0, *places[:num_cuts].tolist(), len(text)]) if start < end]


def _codes(text: str) -> Codes:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


class _Kinds:
    """The kinds of characters, as `tokenizers` itself tells them: asked once for each that comes (for all: .7 s)."""

    def __init__(self) -> None:
        self.table = np.full(NUM_CODES, UNSEEN, np.uint8)  # 1, 2, ... as in KINDS, or NO_RUN
        self._splits = [pre_tokenizers.Split(Regex(f"{kind}+"), "removed") for kind in KINDS]

    def ask(self, codes: Codes) -> None:
        """Enter the characters of a text."""
        unseen = np.unique(codes[self.table[codes] == UNSEEN])
        text = "".join(map(chr, unseen.tolist()))
        self.table[unseen] = NO_RUN
        for number, split in enumerate(self._splits, start=1):
            is_kind = np.ones(len(unseen), np.bool_)
            for _, (start, end) in split.pre_tokenize_str(text):
                is_kind[start:end] = False
            self.table[unseen[is_kind]] = number


@cache
def _known_kinds() -> _Kinds:
    return _Kinds()


@compiled
def _find_cuts(codes: Codes, kinds: NDArray[np.uint8], longest: int, places: NDArray[np.int64]) -> int:
    """Before each run that is long enough, and behind each `longest` characters of it; the number of cuts.

    -1 when a character was not asked about.
    """
    num_cuts, start, kind = 0, 0, np.uint8(NO_RUN)
    for place in range(len(codes)):
        own = kinds[codes[place]]
        if own == UNSEEN:
            return -1
        if own != kind:
            start, kind = place, own
        length = place + 1 - start
        if kind == NO_RUN or length % longest:
            continue
        if length == longest and (num_cuts == 0 or places[num_cuts - 1] != start):
            places[num_cuts] = start
            num_cuts += 1
        places[num_cuts] = place + 1
        num_cuts += 1
    return num_cuts
