"""XML as a flat list of events: (START, name, attributes), (END, name, {}), (TEXT, text, {}).

    bytes -> charset -> expat, 64 KiB at a time -> events

Nothing is fetched and nothing grows: no DTD and no external entity is read (XML 1.0, 4.2.2), an entity of the file's
own is one short text, tags are 500 deep at most, a tag is 2 MiB long at most, and defaults of attributes are not given.
Named entities whose DTD was not read are those of HTML, which all the DTDs of publishers share. A bad byte or a control
sign costs its character, as long as they are few. Names come without the prefix of their namespace. A tree would hold
ten to twenty times the file; this holds a piece of it.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from html.entities import html5
from itertools import chain
from typing import Any
from xml.parsers import expat

from pipeline_lib.ingest.charset import MOST_REPLACED_SHARE
from pipeline_lib.ingest.labels import codec_of
from pipeline_lib.ingest.likeness import REPLACED
from pipeline_lib.ingest.records import EMPTY_FILE, EMPTY_TEXT, MIB, Unreadable
from pipeline_lib.ingest.streams import BYTE_ORDER_MARKS, CHUNK_BYTES

START, END, TEXT = "start", "end", "text"
Event = tuple[str, str, Mapping[str, str]]

MAX_DEPTH = 500
MAX_TAG_CHARS = 2 * MIB
MAX_NAMES = 1 << 16  # expat keeps each name that it has met
MAX_ENTITY_CHARS = 64  # four characters (`&a;` and a blank) become so many at most
NO_MARKS: Mapping[str, str] = {}

INVALID, TRUNCATED = "invalid XML", "truncated XML"
AT_THE_END = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}

DECLARED = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
WITHOUT_MARK = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))  # XML 1.0, appendix F
ASCII_LABELS = ("us-ascii", "ascii", "ansi_x3.4-1968")
BY_PAIRS = ("gb18030", "big5hkscs", "euc_jp", "cp932", "cp949")
NO_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # of no text (XML 1.0, 2.2)
THREE_BYTES = re.compile("[\u0800-\U0010ffff]")


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a file in its order. Raises `Unreadable` where it cannot go on, after what lies before that."""
    found: list[Event] = []
    parser = _Parser(found)
    for text in _decoded(iter(chunks)):
        fault = parser.feed(text)
        yield from found
        found.clear()
        if fault:
            raise Unreadable(fault)
    fault = parser.close()
    yield from found
    if fault:
        raise Unreadable(fault)


class _Parser:
    """expat with its limits; what it finds it appends to a list."""

    def __init__(self, found: list[Event]) -> None:
        self._found = found
        self._local = _LocalNames()
        self._depth = 0
        self._has_moved, self._is_blank = False, True
        self._held: list[str] = []
        self._num_held = self._num_pending = 0  # characters not given to expat yet, and those in which it found no end
        parser = self._expat = expat.ParserCreate("utf-8")
        parser.buffer_text, parser.buffer_size = True, CHUNK_BYTES
        parser.specified_attributes = True
        parser.UseForeignDTD(True)  # an unknown entity is then passed over, and told
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.SkippedEntityHandler = self._skipped
        parser.EntityDeclHandler = self._declared
        parser.ExternalEntityRefHandler = self._external
        parser.CommentHandler = self._passed
        parser.ProcessingInstructionHandler = self._instruction

    def feed(self, text: str) -> str | None:
        """Parse a piece; the fault, if there is one.

        Where a piece ends within a tag, expat begins with that tag again (2.5 at each piece, later ones put it off): so
        the next piece is as long as what is pending.
        """
        self._held.append(text)
        self._num_held += len(text)
        self._is_blank = self._is_blank and (not text or text.isspace())
        if self._num_held < self._num_pending:
            return None
        return self._parse(is_last=False)

    def close(self) -> str | None:
        """The end of the file; the fault, if there is one."""
        return EMPTY_TEXT if self._is_blank else self._parse(is_last=True)

    def _parse(self, *, is_last: bool) -> str | None:
        text, self._held, self._has_moved = "".join(self._held), [], False
        try:
            self._expat.Parse(text, is_last)
        except expat.ExpatError as exc:
            return TRUNCATED if is_last and exc.code in AT_THE_END else INVALID
        except Unreadable as exc:
            return str(exc)
        self._num_pending = 0 if self._has_moved or self._found else self._num_pending + self._num_held
        self._num_held = 0
        return f"XML tag longer than {MAX_TAG_CHARS // MIB} MiB" if self._num_pending > MAX_TAG_CHARS else None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable(f"XML nested deeper than {MAX_DEPTH} tags")
        for marked in attributes:
            self._local[marked]  # only counted: they are looked up as they are written (`xml:lang`)
        self._found.append((START, self._local[name], attributes))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._found.append((END, self._local[name], NO_MARKS))

    def _text(self, text: str) -> None:
        self._found.append((TEXT, text, NO_MARKS))

    def _skipped(self, name: str, is_parameter: bool) -> None:
        self._local[name]
        if not is_parameter:
            self._found.append((TEXT, html5.get(f"{name};", f"&{name};"), NO_MARKS))

    def _declared(self, _name: str, is_parameter: bool, value: str | None, *_: Any) -> None:
        """An entity of the file's own. One from elsewhere has no value, and is refused where it is used."""
        self._has_moved = True
        if value is not None and (is_parameter or "&" in value or "<" in value or len(value) > MAX_ENTITY_CHARS):
            raise Unreadable("XML entity that expands")

    def _external(self, *_: Any) -> int:
        raise Unreadable("XML with external entity")

    def _passed(self, _text: str) -> None:
        self._has_moved = True

    def _instruction(self, target: str, _text: str) -> None:
        self._has_moved = True
        self._local[target]


class _LocalNames(dict[str, str]):
    """Names without the prefixes of their namespaces; as many as expat may keep."""

    def __missing__(self, name: str) -> str:
        if len(self) == MAX_NAMES:
            raise Unreadable(f"XML with more than {MAX_NAMES} names")
        local = self[name] = name.rpartition(":")[2]
        return local


def _decoded(chunks: Iterator[bytes]) -> Iterator[str]:
    """The text of the file. Raises `Unreadable` where it is not in its charset, or ends within a character."""
    first = next(chunks, b"")
    while len(first) < CHUNK_BYTES and (chunk := next(chunks, b"")):
        first += chunk
    if not first:
        raise Unreadable(EMPTY_FILE)
    codec = _codec_of(first)
    decoder = codecs.getincrementaldecoder(codec)("replace")
    for chunk in chain([first], chunks):
        yield _repaired(decoder.decode(chunk), codec)
    if decoder.decode(b"", final=True):  # the beginning of a character
        raise Unreadable(TRUNCATED)


def _repaired(text: str, codec: str) -> str:
    """A piece with U+FFFD for what XML cannot hold. Raises `Unreadable` where more than a few bytes are bad."""
    if num_replaced := text.count(REPLACED):
        num_beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
        if num_replaced > MOST_REPLACED_SHARE * num_beyond_ascii:
            raise Unreadable(f"not {codec.upper().removesuffix('-SIG')}")
    return NO_XML.sub(REPLACED, text)


def _codec_of(first: bytes) -> str:
    """By the mark, by the declaration, else UTF-8 (XML 1.0, 4.3.3). What reads as UTF-8 is not an older charset."""
    for mark, codec in (*BYTE_ORDER_MARKS, *WITHOUT_MARK):
        if first.startswith(mark):
            return codec
    declared = DECLARED.match(first)
    label = declared[1].decode().lower() if declared else "utf-8"
    codec = "utf-8" if label in ASCII_LABELS else codec_of(label)
    if not codec:
        raise Unreadable("XML in unknown charset")
    return "utf-8" if codec != "utf-8" and _is_utf8(first, codec) else codec


def _is_utf8(first: bytes, codec: str) -> bool:
    """Whether the beginning has letters beyond ASCII, and as UTF-8; a few of GBK may be two bytes of that by chance."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeError:
        return False
    return not text.isascii() and (codec not in BY_PAIRS or THREE_BYTES.search(text) is not None)
