"""Bytes to text: by what the bytes are, then by what they say of themselves, then by what they read like.

    byte order mark  ->  valid UTF-8  ->  the label of a page  ->  the legacy charset that it reads like

Valid UTF-8 is UTF-8, whatever a label says: text in another charset is so by chance only when it is very short. A label
is one of the page itself (labels.py), not one in a comment, a script or another attribute. What has none, or a wrong
one, is read as the charset that gives the commonest characters of a language (likeness.py). What fits nothing is
refused. A bad byte costs its character, as long as they are few; which charset was found by reading, and how many
characters were replaced, is told of the record.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from pipeline_lib.ingest.labels import codec_of, declared_in
from pipeline_lib.ingest.likeness import BY_PAIRS, READS_LIKE, REPLACED, aligned, detect, is_unlike
from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import BYTE_ORDER_MARKS

# Of the characters that are not ASCII. One bad byte in a hundred is up to three of them in UTF-8, and two in GBK.
MOST_REPLACED_SHARE = 0.12
THREE_BYTES, TWO_BYTES = re.compile("[\u0800-\U0010ffff]"), re.compile("[\u0180-\u07ff]")
ESCAPED, ESCAPE = "iso2022_jp", 0x1B  # all of its bytes are ASCII; by this one it changes between its parts


class Decoded(NamedTuple):
    """A text, the charset that was found by reading ("": it was told), and how much was replaced in it."""

    text: str
    found: str = ""
    num_replaced: int = 0

    @property
    def metadata(self) -> dict[str, str] | None:
        """What a record tells of it; None where nothing was found or replaced."""
        told = {"charset": self.found, "replaced_characters": str(self.num_replaced) if self.num_replaced else ""}
        return {name: value for name, value in told.items() if value} or None


def decode(data: bytes, told: str = "") -> Decoded:
    """The text of a file. Raises `Unreadable` where no charset fits.

    `told`: the label of who sent it; one that nobody knows counts as none.
    """
    marked = _marked(data)
    if marked is None:
        return decode_part(data, (lambda _: told) if codec_of(told) else None)
    if (decoded := _with_replaced(data, marked)) is None:
        raise Unreadable(f"not {marked.upper().removesuffix('-SIG')}", num_rows=1)
    return decoded


def decode_html(data: bytes, told: str = "") -> Decoded:
    """The text of a page, which may name its charset itself. Raises `Unreadable` where no charset fits."""
    return decode(data, told) if _marked(data) or codec_of(told) else decode_part(data, declared_in)


def decode_part(data: bytes, label_of: Callable[[bytes], str] | None = None) -> Decoded:
    """The text of bytes that no mark begins. Raises `Unreadable` where no charset fits."""
    try:
        text = data.decode()
    except UnicodeError:
        declared = codec_of(label_of(data)) if label_of else ""
    else:
        return Decoded(text if label_of is None else _as_labelled(data, text, label_of))
    if declared and is_unlike(data, declared):  # a wrong label passes without an error now and then
        declared = ""
    for encoding in filter(None, (declared, "utf-8")):
        if (decoded := _with_replaced(data, encoding)) is not None:
            return decoded
    found = detect(data)
    decoded = _with_replaced(data, found) if found else None
    if decoded is None:
        raise Unreadable(f"not {(declared or 'utf-8').upper()}", num_rows=1)
    return decoded._replace(found=found)


def _as_labelled(data: bytes, text: str, label_of: Callable[[bytes], str]) -> str:
    """Valid UTF-8 by a label all the same: where all is ASCII and an escape, or what a few characters of GBK can be by
    chance, letters of another alphabet, two bytes each."""
    is_short = not text.isascii() and not THREE_BYTES.search(text) and TWO_BYTES.search(text)
    if not (is_short or ESCAPE in data):
        return text
    declared = codec_of(label_of(data))
    if declared == ESCAPED or (is_short and declared in READS_LIKE):
        decoded = _with_replaced(data, declared)
        return text if decoded is None or decoded.num_replaced else decoded.text
    return text


def _marked(data: bytes) -> str | None:
    return next((name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), None)


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _with_replaced(data: bytes, encoding: str) -> Decoded | None:
    """The text with U+FFFD for what is bad in it; None where that is more than a few."""
    try:
        return Decoded(data.decode(encoding))
    except UnicodeError:
        text = aligned(data, encoding) if encoding in BY_PAIRS else data.decode(encoding, "replace")
    num_replaced = text.count(REPLACED)
    num_beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    is_little = num_replaced <= MOST_REPLACED_SHARE * num_beyond_ascii
    return Decoded(text, num_replaced=num_replaced) if is_little else None
