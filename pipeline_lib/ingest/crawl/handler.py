"""Scrapy's HTTP client, which asks once: Twisted would ask again by itself where a kept connection turns out closed."""

from typing import TYPE_CHECKING

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class OneTryHandler(HTTP11DownloadHandler):
    """For http and https."""

    lazy = True

    def __init__(self, crawler: "Crawler") -> None:
        super().__init__(crawler)
        self._pool.retryAutomatically = False
        self._pool.maxPersistentPerHost = 1
