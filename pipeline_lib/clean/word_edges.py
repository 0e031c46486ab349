"""Where a word of a text is surely one token of spaCy's English tokenizer, and where it surely is none.

In compiled code. The tokenizer takes signs off both ends of what stands between white space, cuts what is left at
hyphens and slashes between letters, and has exceptions by name ("cannot", "Inc."). So what is letters alone, with some
signs around it, is told here without it. All else (digits, addresses, rare signs, exceptions) is UNKNOWN, and spaCy is
asked. The tests go through all signs that stand here, in all orders, and compare the exceptions with those that the
tokenizer has.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline_lib.base.compiled import compiled
from pipeline_lib.text.characters import HAN
from pipeline_lib.text.utf8 import decode

NO_WORD, WORD, UNKNOWN = 0, 1, -1

OPENING: Final = "([{\"“”‘’'*_#`<«（「『《【>"  # what may stand before a word, in any order
CLOSING: Final = ",.:;!?)]}\"”’'*_`»…。，、；：？！）」』》】#&<(>"  # and behind it
MOST_OPENING, MOST_CLOSING = 2, 3
JOINING: Final = "-/"  # between letters each is a token
LONGEST = 96  # bytes to each side of a word that are looked at

# Letters that the tokenizer takes for several tokens; and letters that have a rule of their own beside signs.
_PARTED = """
aint arent cannot cant cantve couldnt couldntve couldve darent didnt didntve doesnt doesntve dont dontve gonna gotta
hadnt hadntve hasnt havent hed hedve hellve hes howd howdve howll howllve howre hows howve id idve illve im ima isnt
itd itdve itll itllve ive maynt mayntve mightnt mightntve mightve mustnt mustntve mustve neednt needntve notve
oughtnt oughtntve shant shantve shedve shellve shes shouldnt shouldntve shouldve thatd thatdve thatll thatllve thats
thered theredve therell therellve therere theres thereve thesed thesedve thesell thesellve thesere theseve theyd
theydve theyll theyllve theyre theyve thisd thisdve thisll thisllve thiss thosed thosedve thosell thosellve thosere
thoseve wasnt wed wedve wellve werent weve whatd whatdve whatll whatllve whatre whats whatve whend whendve whenll
whenllve whenre whens whenve whered wheredve wherell wherellve wherere wheres whereve whod whodve wholl whollve whos
whove whyd whydve whyll whyllve whyre whys whyve wont wontve wouldnt wouldntve wouldve yall youd youdve youll
youllve youre youve
"""
_BESIDE_SIGNS = """
adm ain ak ala all am and apr aren ariz ark aug bout bros calif can cause clock co colo conn corp cos could couldn
coz cuz daren dec del didn doesn doin don dr em feb fla ga gen goin gov hadn hasn haven havin he how ia id ill inc
ind isn it jan jr jul jun kan kans ky la let ll lovin ltd ma mar mass mayn md messrs mich might mightn minn miss mo
mon mont mr mrs ms mt must mustn neb nebr needn nev not nothin nov nuff nuthin oct okla ol or ore oughtn pa ph pm
prof re rep rev sen sep sept shan she should shouldn somethin space st tenn that there these they this those va ve
vs wash wasn we weren what when where who why wis won would wouldn you
"""
PARTED: Final = frozenset(_PARTED.split())
BESIDE_SIGNS: Final = frozenset(_BESIDE_SIGNS.split())

_SPACE, _LETTER, _OPENING, _CLOSING, _JOINING, _LOWER, _UPPER, _HAN = 1, 2, 4, 8, 16, 32, 64, 128
_NUM_MARKED = 0x20000  # above, Unicode has Han, and nothing else that is a letter
_DOT = ord(".")
_SEED, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a

Integer = Any  # numba decides by itself which integers are int64 and which uint64; Python's int is neither
Bytes = npt.NDArray[np.uint8]


def _marks() -> Bytes:
    characters = [chr(code) for code in range(_NUM_MARKED)]
    marks = np.zeros(_NUM_MARKED, np.uint8)
    marks[[character.isspace() for character in characters]] = _SPACE
    marks[[character.isalpha() for character in characters]] = _LETTER
    for signs, mark in ((OPENING, _OPENING), (CLOSING, _CLOSING), (JOINING, _JOINING)):
        marks[[ord(sign) for sign in signs]] |= mark
    marks[ord("a") : ord("z") + 1] |= _LOWER
    marks[ord("A") : ord("Z") + 1] |= _UPPER
    for first, last in HAN:
        marks[first : last + 1][marks[first : last + 1] == _LETTER] |= _HAN
    return marks


def _hash_of(word: str) -> int:
    value = int(_SEED)
    for byte in word.encode("ascii"):
        value = (value ^ byte) * int(_PRIME) & 0xFFFFFFFFFFFFFFFF
    return value


_MARKS = _marks()
_PARTED_HASHES = np.array(sorted(map(_hash_of, PARTED)), np.uint64)
_BESIDE_SIGNS_HASHES = np.array(sorted(map(_hash_of, BESIDE_SIGNS)), np.uint64)


@compiled
def told(text: Bytes, first: Integer, last: Integer, begin: Integer, end: Integer) -> Integer:
    """Whether text[begin:end], letters alone, is a token of text[first:last]: WORD, NO_WORD or UNKNOWN."""
    at = _behind_space(text, first, begin)
    if at < 0:
        return UNKNOWN
    at, num_opening = _behind_signs(text, at, last, _OPENING, MOST_OPENING)
    has_signs, is_beside_signs, found = num_opening > 0, False, NO_WORD
    while True:
        piece, at = at, _behind_letters(text, at, last)
        if at == piece or at - begin > LONGEST or _is_in(text, piece, at, _PARTED_HASHES):
            return UNKNOWN
        is_beside_signs |= at - piece < 2 or _is_in(text, piece, at, _BESIDE_SIGNS_HASHES)
        if piece == begin and at == end:
            found = WORD
        if at + 1 >= last or not _mark_of(decode(text, at)[0]) & _JOINING:
            break
        has_signs = True
        at += 1
    behind, num_closing = _behind_signs(text, at, last, _CLOSING, MOST_CLOSING)
    if behind < last and not _mark_of(decode(text, behind)[0]) & _SPACE:
        return UNKNOWN
    if num_closing and text[at] == _DOT and not _can_end(text, piece, at):
        return UNKNOWN
    if (has_signs or num_closing) and is_beside_signs:
        return UNKNOWN
    return found


@compiled
def _mark_of(code: Integer) -> Integer:
    if code < _NUM_MARKED:
        return np.int64(_MARKS[code])
    return 0


@compiled
def _behind_space(text: Bytes, first: Integer, at: Integer) -> Integer:
    """Behind the last white space before a byte, or `first`; -1 where that is far away."""
    least = max(first, at - LONGEST)
    while at > least:
        before = at - 1
        while text[before] & 0xC0 == 0x80:
            before -= 1
        if _mark_of(decode(text, before)[0]) & _SPACE:
            return at
        at = before
    return at if at <= first else -1


@compiled
def _behind_signs(text: Bytes, at: Integer, last: Integer, kind: Integer, at_most: Integer) -> tuple[Integer, Integer]:
    """Behind so many signs of a kind that follow one another, and how many they are."""
    count = 0
    while at < last and count < at_most:
        code, width = decode(text, at)
        if not _mark_of(code) & kind:
            break
        at += width
        count += 1
    return at, count


@compiled
def _behind_letters(text: Bytes, at: Integer, last: Integer) -> Integer:
    while at < last:
        code, width = decode(text, at)
        if not _mark_of(code) & _LETTER:
            break
        at += width
    return at


@compiled
def _is_in(text: Bytes, begin: Integer, end: Integer, hashes: npt.NDArray[np.uint64]) -> Any:
    value = _SEED
    for byte in text[begin:end]:
        value = (value ^ np.uint64(byte | 0x20)) * _PRIME
    place = np.searchsorted(hashes, value)
    return place < len(hashes) and hashes[place] == value


@compiled
def _can_end(text: Bytes, begin: Integer, end: Integer) -> Any:
    """Whether the tokenizer takes a full stop off letters: behind a small one, behind two capitals, behind Han."""
    before = end - 1
    while text[before] & 0xC0 == 0x80:
        before -= 1
    mark = _mark_of(decode(text, before)[0])
    if mark & _UPPER:
        return before > begin and _mark_of(np.int64(text[before - 1])) & _UPPER > 0
    return mark & (_LOWER | _HAN) > 0
