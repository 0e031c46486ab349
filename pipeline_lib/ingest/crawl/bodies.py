"""Bodies as they are meant: content codings undone, at most so many bytes of them.

`Accept-Encoding` asks for gzip and deflate. What is sent all the same in another coding, is no whole stream, or grows
beyond the limit is refused; nothing is unpacked further than that.
"""

import zlib
from typing import NamedTuple

CODINGS = "gzip, deflate"
MOST_CODINGS = 2
_GZIP, _EITHER, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PIECE = 1 << 16
_FED = 1 << 12  # bytes at a time: what a stream leaves over is copied, and a body may be a million empty streams


class BadBody(Exception):
    """A body that cannot be taken; the message is the reason."""


class Unpacked(NamedTuple):
    """A body without its codings; one that is cut goes on behind what is there."""

    body: bytes
    is_cut: bool = False


def unpacked(body: bytes, codings: str, most_bytes: int, *, is_cut: bool = False, is_start: bool = False) -> Unpacked:
    """The body without its codings (a Content-Encoding). Raises `BadBody`: "bad_encoding" or "too_large".

    One that came cut is taken as far as it goes. Where its start is enough, what is too large is cut.
    """
    named = [name for name in (coding.strip().lower() for coding in codings.split(",")) if name not in ("", "identity")]
    if len(named) > MOST_CODINGS or not {"gzip", "x-gzip", "deflate"}.issuperset(named):
        raise BadBody("bad_encoding")
    for name in reversed(named):
        body, is_cut = _inflated(body, name == "deflate", most_bytes, is_cut)
    if len(body) > most_bytes and not is_start:
        raise BadBody("too_large")
    return Unpacked(body[:most_bytes], is_cut or len(body) > most_bytes)


def is_gzip(body: bytes) -> bool:
    """Whether bytes are a gzip stream by their first ones: sitemaps come as files that are packed."""
    return body[:3] == b"\x1f\x8b\x08"


def _inflated(body: bytes, is_deflate: bool, most_bytes: int, is_cut: bool) -> tuple[bytes, bool]:
    """The streams of a body one after the other, up to a little more than the limit; whether anything is missing."""
    out, rest = bytearray(), memoryview(body)
    wbits = (_EITHER if body[:1] and body[0] & 0x0F == 8 else _RAW) if is_deflate else _GZIP
    while rest:
        stream, fed = zlib.decompressobj(wbits), True
        while fed and not stream.eof and len(out) <= most_bytes:
            piece, before = rest[:_FED], len(out)
            try:
                out += stream.decompress(piece, _PIECE)
            except zlib.error as exc:
                raise BadBody("bad_encoding") from exc
            rest = rest[len(piece) - len(stream.unconsumed_tail) - len(stream.unused_data) :]
            fed = bool(piece) or len(out) > before
        if len(out) > most_bytes:
            break
        if not stream.eof:
            if not is_cut:
                raise BadBody("bad_encoding")
            break
        rest = _behind_padding(rest)
        if is_deflate or not is_gzip(bytes(rest[:3])):  # what follows a stream and is none is padding
            break
    return bytes(out), is_cut


def _behind_padding(rest: memoryview) -> memoryview:
    while rest and not rest[0]:
        piece = bytes(rest[:_FED])
        rest = rest[len(piece) - len(piece.lstrip(b"\0")) :]
    return rest
