"""Bytes to text, strictly: text in a wrong encoding is refused, never guessed and never repaired by dropping bytes.

A guess is wrong now and then and is wrong silently. What a page says about itself is believed only if all its bytes
agree.
"""

import re

from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.ingest.streams import BYTE_ORDER_MARKS

HTML_HEAD_BYTES = 4096
HTML_CHARSET = re.compile(
    rb"""<(?:meta\s[^>]*?charset|\?xml\s[^>]*?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)

# Names that pages use for less than they contain, as browsers read them (WHATWG Encoding, "Names and labels"). A page
# that can be searched for an ASCII <meta> is not UTF-16, whatever it says.
BROWSER_MEANING = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "utf-16": "utf-8",
    "utf-16le": "utf-8",
    "utf-16be": "utf-8",
}


def decode(data: bytes, declared: str = "utf-8") -> str:
    """The text of `data`: as its byte order mark says, else as `declared`. Raises `Unreadable` if a byte disagrees."""
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), declared)
    try:
        return data.decode(encoding)
    except UnicodeError as exc:
        raise Unreadable(f"not {encoding.upper().removesuffix('-SIG')}") from exc
    except LookupError:
        return decode(data)  # a charset nobody knows: UTF-8 or refused


def decode_html(data: bytes) -> str:
    """The text of a page: byte order mark, then its own `<meta charset>`, then UTF-8."""
    found = HTML_CHARSET.search(data[:HTML_HEAD_BYTES])
    name = found[1].decode("ascii", "replace").lower() if found else "utf-8"
    return decode(data, BROWSER_MEANING.get(name, name))


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeError:
        return False
    return True
