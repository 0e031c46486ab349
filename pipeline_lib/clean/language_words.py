"""English, or one of its relatives: Scots, and the creoles and pidgins that are made of English words.

They share most words with English, the eight stop words among them, so that stop words and models take them for it. The
words that do the grammar tell. Scots has `o, wi, frae, thay, hae, nae` where English has `of, with, from, they, have,
no`; creoles have `di, dem, wey, dey, na, bilong` where it has `the, they, which, is, of`. Each list stands beside words
that English cannot do without and its relative writes otherwise; the majority decides. So English that quotes a verse
stays English, and so does a story in which one speaks dialect.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.compiled import compiled
from pipeline_lib.clean.language_sample import Counts
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.utf8 import Bytes, Integer

LEAST_DIFFERENT = 2  # words of a list
LEAST_SHARE = 0.05  # of the words of a text, as of English stop words
_LAST_OF_QUOTE = 0x99  # ’ is E2 80 99
_JOINTS = b"'-/"  # between letters they join a word
_JOINT, _LETTER, _WIDE = 1, 2, 3  # what a byte is, above 0; the last begins general punctuation, or a letter
_8 = np.uint64(8)
_MOST_BYTES = 8  # of a word in the lists: it is compared as one number

SCOTS = """
ae ane yin twa baith nane ither ithers anither ilk ilka sic siccan ony mony maist mair aw aa awbody awthing
thir thae thon thay thaim thair oor oors wir masel mysel yersel himsel hersel itsel oorsels whase
wha whae whaur whit whilk whan hou hoo
o wi frae fae tae til intae intil atween aboot aboon abuin ablow aneath ahint afore efter ower oot doun doon roond
throu athin athoot amang ayont forby
hae haes haein haed dae daes daein wis wes wad wid cuid coud culd shuid shoud shuld sud maun mey micht
nae isna isnae wasna wisna wisnae werena haena hasna haesna dinna dinnae disna disnae didna didnae canna cannae
couldna cuidna wadna wouldna widna winna shouldna
nocht naething naebody noo nou juist jist sae syne weel awa gie gied gien gae gaed gaun tak taen mak
"""
NOT_SCOTS = """
of with from into have has having had they them their our who whose what which when where how why
these those would could should must might do does doing not no nothing nobody all any many most more one two both none
other others another each every everyone such own about after before between over out down through among
now just so well give given take taken make know
"""
CREOLE = """
di da dis dat dem dey deh dehn dɛn dɛm dia dere dese dose datwan diswan
wey weh wetin wetn wanem husat usai udat wia wea wat
na naim nain bai dɔn stap haffi
mi yu unu una unnu ihm hem hemi oli mipela yupela yumi mifala yufala olgeta olketa
fo fɔ fi pan pon inna ina insai blong bilong bulong wit wid wetem wantaim fram antap laik lɛk olsem
ɛn bot bikos bikɔs bicos becos sapos tasol
evri everi ebri ɛvri ɔl wanpela wanfala sampela samting eni ɛni ɔda ada nɔ nɔto noh nuh nomo plenti
pikin pipul pipo pesin pɔsin sabi tok wok gat mek tek seh
"""
NOT_CREOLE = """
the this that these those they them their there then is are was were been has have had which who what when where
his her its our us of every any other
"""
RELATIVES = ((SCOTS, NOT_SCOTS), (CREOLE, NOT_CREOLE))

_OWN, _ENGLISH, _DIFFERENT = 0, 1, 2  # columns of counts, for each relative
_MULTIPLIER, _SHIFT, _NUM_SLOTS = np.uint64(0x9E3779B97F4A7C15), np.uint64(54), 1024

Keys = npt.NDArray[np.uint64]


def _kinds() -> Bytes:
    kinds = np.zeros(256, np.uint8)
    kinds[list(b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = _LETTER
    kinds[0x80:] = _LETTER
    kinds[list(_JOINTS)], kinds[0xE2] = _JOINT, _WIDE
    return kinds


# By byte: what it is, and what it counts as: a small letter for one of ASCII.
_KINDS = _kinds()
_SMALL = np.array([byte | 32 if byte < 0x80 else byte for byte in range(256)], np.uint8)


def is_relative(texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
    """Whether each text, which looks English, is in a relative of it."""
    counts = np.zeros((len(texts), len(RELATIVES), 3), np.int64)
    num_words = np.zeros(len(texts), np.int64)
    data, offsets = buffers_of(texts)
    _count(data, offsets, _table(), num_words, counts)
    own, english, different = np.moveaxis(counts, 2, 0)
    is_enough = (different >= LEAST_DIFFERENT) & (own >= LEAST_SHARE * num_words[:, None])
    found: npt.NDArray[np.bool_] = np.any(is_enough & (own > english), axis=1)
    return found


@compiled
def _count(data: Bytes, offsets: Counts, table: tuple[Keys, Bytes], num_words: Counts, counts: Counts) -> None:
    """Fill num_words[i], and for each relative counts[i, relative]: its words, English ones, different ones of its.

    Words are runs of letters, digits and underlines, and what joins them: `o'clock`, `Wi-Fi` and `I/O` are one each,
    `o'` is `o`. Small letters stand for capitals of ASCII. All that is not ASCII counts as a letter, but for general
    punctuation. One loop, because a function for each word takes as long as the word.
    """
    keys, kinds = table
    last_seen = np.full(len(keys), -1, np.int64)
    for i in range(len(num_words)):
        at, end = offsets[i], offsets[i + 1]
        while at < end:
            word, num_bytes = np.uint64(0), 0  # its bytes in one number, and how many they are
            while at < end:
                byte = data[at]
                kind = _KINDS[byte]
                is_wide = kind == _WIDE and 0x80 <= data[at + 1] <= 0x81  # U+2000 to U+207F: dashes, quotes, blanks
                width, is_inside = 3 if is_wide else 1, kind >= _LETTER and not is_wide
                if not is_inside and num_bytes > 0 and (kind == _JOINT or is_wide) and at + width < end:
                    is_quote = not is_wide or data[at + 2] == _LAST_OF_QUOTE
                    is_inside = is_quote and _KINDS[data[at + width]] >= _LETTER
                at += width
                if is_inside:
                    word = word << _8 | np.uint64(_SMALL[byte])
                    num_bytes += width
                elif num_bytes > 0:
                    break
            num_words[i] += num_bytes > 0
            slot = _slot_of(keys, word)
            if num_bytes > _MOST_BYTES or kinds[slot] == 0:
                continue
            is_new, last_seen[slot] = last_seen[slot] != i, i
            for relative in range(counts.shape[1]):
                own, english = kinds[slot] >> 2 * relative & 1, kinds[slot] >> 2 * relative + 1 & 1
                counts[i, relative, _OWN] += own
                counts[i, relative, _ENGLISH] += english
                counts[i, relative, _DIFFERENT] += own if is_new else 0


@compiled
def _slot_of(keys: Keys, word: Any) -> Integer:
    """Where a word stands, or the empty slot where it would."""
    slot = np.int64(word * _MULTIPLIER >> _SHIFT)
    while keys[slot] != 0 and keys[slot] != word:
        slot = (slot + 1) % len(keys)
    return slot


@cache
def _table() -> tuple[Keys, Bytes]:
    """The words of all lists by slot, 0 where there is none; and of which lists they are, two bits a relative."""
    keys, kinds = np.zeros(_NUM_SLOTS, np.uint64), np.zeros(_NUM_SLOTS, np.uint8)
    for bit, words in enumerate(words for lists in RELATIVES for words in lists):
        for word in words.split():
            key = np.uint64(int.from_bytes(word.encode(), "big"))
            slot = _slot_of(keys, key)
            keys[slot], kinds[slot] = key, kinds[slot] | 1 << bit
    return keys, kinds
