"""Which legacy charset bytes read like, and how they are put together around bad ones.

Of a text in the right charset a third and more are the commonest characters of its language; in a wrong one these are
a few in a hundred. So their share tells East Asian charsets from each other, from sixty characters on and with bad
bytes among them. Of Western ones only the commonest is told: the letters of such a text are mostly ASCII.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import product

HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公"
    "此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西月话合回特代"
    "内信表化老给世位次度门任常先海通教原东声提立及比员解水名真论处走义各入几口认条平系气题活更别打女变四神总何电数安少报"
    "这個們來為國說時會對過發後裡種經樣當沒動還進開從實軍無與長機現點業將兩間問並應戰頭體見產話給門東聲員論處義幾認條氣題變"
    "總電數報於學麼曰其吾乎矣焉故夫子君王將"
)
HANGUL = "이다는에의을를고가하지한로기사은인도서어자대리으해시과그나수아일라정보있구전들만면부장제것스상동국여"
KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))))
PUNCTUATION = "，。、；：？！「」『』（）《》“”‘’…—・ー"
READS_LIKE = {  # charset: its commonest characters
    "gb18030": frozenset(HAN + PUNCTUATION),
    "big5hkscs": frozenset(HAN + PUNCTUATION),
    "cp932": frozenset(KANA + PUNCTUATION),
    "euc_jp": frozenset(KANA + PUNCTUATION),
    "cp949": frozenset(HANGUL + PUNCTUATION),
}
LETTERS = {charset: signs - frozenset(PUNCTUATION) for charset, signs in READS_LIKE.items()}
# Of charsets of two bytes a character: first bytes of the characters that are used at all.
BY_PAIRS = {"gb18030": range(0xA1, 0xD8), "big5hkscs": range(0xA1, 0xC7), "cp949": range(0xA1, 0xC9)}
REPLACED = "\ufffd"
LOOKED_AT_BYTES = 1 << 18
# Of common characters among those that are not ASCII; how far before the second; how many there must be.
LEAST_SHARE, LEAST_LEAD, LEAST_COMMON = 0.15, 1.3, 4
# The same against a label, and where bytes were put together so that they read well.
CLEAR_SHARE, CLEAR_COMMON = 0.3, 8
UNLIKE_SHARE = 0.05
# Of a text in a Western charset the letters are mostly ASCII; nearly all of the others are such as have the same byte
# in its neighbours, so that it is no text of theirs.
WESTERN, MOST_HIGH_SHARE, LEAST_SAME_SHARE = "cp1252", 0.15, 0.8
NEIGHBOURS = ("cp1250", "cp1254", "cp1257", "cp1258")
SAME = frozenset(
    sign
    for sign in (bytes([byte]).decode(WESTERN, "ignore") for byte in range(0x80, 0x100))
    if sign and all(sign.encode(WESTERN).decode(near, "ignore") == sign for near in NEIGHBOURS)
)


def detect(data: bytes) -> str:
    """The legacy charset that text without a label reads like; "" where none does."""
    looked_at = data[:LOOKED_AT_BYTES]
    plain = {name: looked_at.decode(name, "replace") for name in READS_LIKE}
    if found := _liked(plain, READS_LIKE, LEAST_SHARE, LEAST_COMMON):
        return found
    around = {name: aligned(looked_at, name) for name in BY_PAIRS}
    if found := _liked(around, READS_LIKE, CLEAR_SHARE, CLEAR_COMMON):
        return found
    num_high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    is_mostly_ascii = 0 < num_high <= MOST_HIGH_SHARE * len(data) and b"\0" not in data
    return WESTERN if is_mostly_ascii and _share(data.decode(WESTERN, "replace"), SAME) >= LEAST_SAME_SHARE else ""


def is_unlike(data: bytes, charset: str) -> bool:
    """Whether it clearly reads like another of the charsets of East Asia, and not at all like this one.

    In charsets of one byte a character everything is text. Punctuation tells nothing.
    """
    texts = {name: data[:LOOKED_AT_BYTES].decode(name, "replace") for name in READS_LIKE}
    if charset in texts and _share(texts[charset], LETTERS[charset]) >= UNLIKE_SHARE:
        return False
    return _liked(texts, LETTERS, CLEAR_SHARE, CLEAR_COMMON) not in ("", charset)


def _liked(texts: Mapping[str, str], common: Mapping[str, frozenset[str]], least_share: float, least: int) -> str:
    """The one of these texts by charset that reads best, if it does, and clearly better than the next."""
    shares = sorted(((_share(text, common[name], least), name) for name, text in texts.items()), reverse=True)
    (best, name), (second, _) = shares[:2]
    return name if best >= least_share and best >= LEAST_LEAD * second else ""


@cache
def _pairs(charset: str) -> dict[bytes, tuple[str, float]]:
    """The characters of two bytes of a charset, each with what it counts when bytes are put together."""
    found: dict[bytes, tuple[str, float]] = {}
    for pair in (bytes(two) for two in product(range(0x81, 0xFF), range(0x40, 0xFF))):
        sign = pair.decode(charset, "ignore")
        if len(sign) == 1:
            found[pair] = (
                sign,
                2.0 if sign in READS_LIKE[charset] else 1.0 if pair[0] in BY_PAIRS[charset] else 0.3,
            )
    return found


def aligned(data: bytes, charset: str) -> str:
    """The text with U+FFFD for each bad byte, by the way to put bytes together that reads best (Viterbi).

    A byte that is lost or another one turns all that follows into other characters, up to the next sign of ASCII, and
    need not be an error by itself. One byte on, the rest reads well again.
    """
    pairs, size = _pairs(charset), len(data)
    steps = bytearray(size)  # how many bytes are taken there; 0: it is bad
    behind = [0.0] * 5  # how well all reads from here on, from one byte on, from two, ...
    for at in range(size - 1, -1, -1):
        score, step = (behind[0] + 0.5, 1) if data[at] < 0x80 else (behind[0] - 1.5, 0)
        found = pairs.get(data[at : at + 2])
        if found is not None and found[1] + behind[1] > score:
            score, step = found[1] + behind[1], 2
        if found is None and 1.0 + behind[3] > score and _of_four(data[at : at + 4], charset):
            score, step = 1.0 + behind[3], 4
        behind, steps[at] = [score, *behind[:4]], step
    text, at = [], 0
    while at < size:
        step = steps[at]
        if step == 4:
            text.append(_of_four(data[at : at + 4], charset))
        else:
            text.append(pairs[data[at : at + 2]][0] if step == 2 else chr(data[at]) if step == 1 else REPLACED)
        at += step or 1
    return "".join(text)


def _of_four(piece: bytes, charset: str) -> str:
    """The character of four bytes that this is in GB18030; "" where it is none."""
    if charset != "gb18030" or len(piece) < 4 or piece[0] < 0x81 or not 0x30 <= piece[1] <= 0x39:
        return ""
    sign = piece.decode(charset, "ignore")
    return sign if len(sign) == 1 else ""


def _share(text: str, common: frozenset[str], least: int = 1) -> float:
    """How many of the characters that are not ASCII are these, as a share; 0 where they are less than `least`."""
    beyond = {sign: count for sign, count in Counter(text).items() if sign > "\x7f"}
    num_common = sum(count for sign, count in beyond.items() if sign in common)
    return num_common / sum(beyond.values()) if num_common >= least else 0.0
