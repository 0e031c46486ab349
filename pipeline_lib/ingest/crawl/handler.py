"""Scrapy's HTTP client with two limits of ours: it asks once, and a head of headers without end is no answer.

Twisted would ask again by itself where a kept connection turns out closed, and would hold whatever comes before the
body.
"""

from typing import TYPE_CHECKING, Any

from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
)
from twisted.web._newclient import HEADER, STATUS

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

MOST_HEAD_BYTES = 256 << 10


class _BoundedProtocol(_LenientHTTP11ClientProtocol):
    """A connection that ends where a head is too long."""

    _num_head_bytes = 0

    def dataReceived(self, data: bytes) -> None:
        parser = self._parser
        is_head = parser is not None and parser.state in (STATUS, HEADER)
        self._num_head_bytes = self._num_head_bytes + len(data) if is_head else 0
        if is_head and self._num_head_bytes > MOST_HEAD_BYTES:
            self.transport.abortConnection()  # type: ignore[union-attr]  # of TCP or TLS
            return
        super().dataReceived(data)  # type: ignore[no-untyped-call]


class _BoundedFactory(_LenientHTTP11ClientFactory):
    """Makes such connections."""

    def buildProtocol(self, addr: Any) -> _BoundedProtocol:
        return _BoundedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]


class OneTryHandler(HTTP11DownloadHandler):
    """For http and https."""

    lazy = True

    def __init__(self, crawler: "Crawler") -> None:
        super().__init__(crawler)
        self._pool.retryAutomatically = False
        self._pool.maxPersistentPerHost = 1
        self._pool._factory = _BoundedFactory
