"""One request and its answer, by Scrapy's engine with settings of our own. Nothing of its defaults is trusted.

Off are: all of its middlewares (robots, redirects, retries, cookies, proxies of the environment, refresh, compression),
its extensions (telnet, remote control), its schedulers and filters, and its handlers for anything but http and https.
What is on: its HTTP client, certificates checked, one connection a host, a limit of bytes and of seconds.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.hosts import canonical_host
from pipeline_lib.ingest.crawl.bodies import CODINGS, BadBody, unpacked
from pipeline_lib.ingest.crawl.job import CrawlJob
from pipeline_lib.ingest.crawl.resolver import ALLOW_PRIVATE, refused_hosts
from pipeline_lib.ingest.crawl.urls import host_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

PRODUCT = "Nightshift/1.0"
HANDLER = "pipeline_lib.ingest.crawl.handler.OneTryHandler"
RESOLVER = "pipeline_lib.ingest.crawl.resolver.PublicResolver"
MOST_CONNECTIONS = 64  # over all hosts
ACCEPT = "text/html, application/xhtml+xml, text/plain;q=0.9, application/xml;q=0.8, */*;q=0.1"

Headers = tuple[tuple[str, str], ...]
Takes = Callable[[str], bool]  # whether a body of this Content-Type is wanted


@dataclass(frozen=True)
class Answer:
    """What came back. `fault` says why there is nothing: "timeout", "unreachable", "private_address", "too_large"."""

    status: int = 0
    headers: Headers = ()
    body: bytes = b""
    fault: str = ""
    num_bytes: int = 0  # of the body as it came
    seconds: float = 0.0
    is_unwanted: bool = False  # its head was enough
    is_cut: bool = False
    at: float = field(default_factory=time.time)

    def header(self, name: str) -> str:
        """All headers of this name as one."""
        return ", ".join(self.headers_of(name))

    def headers_of(self, name: str) -> list[str]:
        """The values of a header, one for each time it came."""
        return [value for key, value in self.headers if key.lower() == name]


def scrapy_settings(job: CrawlJob) -> dict[str, Any]:
    """Scrapy's settings for a crawl, each of those that decide what it does to others."""
    from scrapy.settings import default_settings as default

    none = dict.fromkeys
    return {
        "ADDONS": {},
        "BOT_NAME": "nightshift",
        "CONCURRENT_REQUESTS": MOST_CONNECTIONS,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "COOKIES_ENABLED": False,
        "COMPRESSION_ENABLED": False,
        "DEFAULT_REQUEST_HEADERS": {},
        "DNSCACHE_ENABLED": False,
        "DOWNLOADER_MIDDLEWARES": none(default.DOWNLOADER_MIDDLEWARES_BASE),
        "DOWNLOAD_DELAY": 0,
        "DOWNLOAD_DELAY_JITTER": 0.0,
        "DOWNLOAD_HANDLERS": {**none(default.DOWNLOAD_HANDLERS_BASE), "http": HANDLER, "https": HANDLER},
        "DOWNLOAD_MAXSIZE": job.max_page_bytes,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_WARNSIZE": 0,
        "EXTENSIONS": none(default.EXTENSIONS_BASE),
        "HTTPPROXY_ENABLED": False,
        "JOBDIR": None,
        "LOG_ENABLED": False,
        "LOG_INSTALL_ROOT_HANDLER": False,
        "METAREFRESH_ENABLED": False,
        "REDIRECT_ENABLED": False,
        "REFERER_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "RETRY_ENABLED": False,
        "ROBOTSTXT_OBEY": False,  # obeyed by us (visits.py)
        "SPIDER_MIDDLEWARES": none(default.SPIDER_MIDDLEWARES_BASE),
        "STATS_DUMP": False,
        "TELNETCONSOLE_ENABLED": False,
        "TWISTED_DNS_RESOLVER": RESOLVER,
        "USER_AGENT": user_agent(job),
        ALLOW_PRIVATE: list(job.allow_private),
    }


def user_agent(job: CrawlJob) -> str:
    """Who asks, and whom to write to."""
    return f"{PRODUCT} (+{job.contact})"


class Fetcher:
    """Asks for one address at a time; whom and when is for others to say."""

    def __init__(self, crawler: "Crawler", job: CrawlJob) -> None:
        from scrapy import signals

        self._crawler, self._job = crawler, job
        crawler.signals.connect(self._on_head, signals.headers_received)
        crawler.signals.connect(self._on_bytes, signals.bytes_received)

    async def fetch(
        self,
        url: str,
        *,
        takes: Takes,
        most_bytes: int,
        is_cut_short: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for an address. A body that is longer is no answer, or its beginning where `is_cut_short`."""
        from scrapy import Request
        from scrapy.exceptions import (
            CannotResolveHostError,
            DownloadCancelledError,
            DownloadConnectionRefusedError,
            DownloadFailedError,
            DownloadTimeoutError,
            ResponseDataLossError,
        )

        own = {"User-Agent": user_agent(self._job), "Accept": ACCEPT, "Accept-Encoding": CODINGS}
        limit = most_bytes if is_cut_short else 0
        meta = {
            "takes": takes,
            "most": limit,
            "download_maxsize": 0 if is_cut_short else most_bytes,
            "download_timeout": self._job.timeout_seconds,  # of the whole; the setting is read by a middleware only
        }
        request = Request(url, headers={**own, **(more or {})}, meta=meta, dont_filter=True)
        began = time.monotonic()
        try:
            response = await self._crawler.engine.download_async(request)
        except DownloadTimeoutError:
            return Answer(fault="timeout", seconds=time.monotonic() - began)
        except DownloadCancelledError:
            return Answer(fault="too_large", seconds=time.monotonic() - began)
        except CannotResolveHostError:
            is_private = canonical_host(host_of(url)) in refused_hosts
            return Answer(fault="private_address" if is_private else "unreachable", seconds=time.monotonic() - began)
        except (DownloadConnectionRefusedError, DownloadFailedError, ResponseDataLossError, OSError):
            return Answer(fault="unreachable", seconds=time.monotonic() - began)
        except Exception as exc:  # noqa: BLE001  # of Twisted: what a server breaks is one page, and never the crawl
            print("an answer that cannot be read:", type(exc).__name__, flush=True)
            return Answer(fault="unreachable", seconds=time.monotonic() - began)
        return self._answer(response, request.meta, most_bytes, time.monotonic() - began)

    def _answer(self, response: Any, meta: Mapping[str, Any], most_bytes: int, seconds: float) -> Answer:
        headers = _decoded(response.headers)
        found = Answer(
            response.status,
            headers,
            num_bytes=len(response.body),
            seconds=seconds,
            is_unwanted=bool(meta.get("unwanted")),
            is_cut=bool(meta.get("cut")),
        )
        try:
            if found.is_unwanted:
                return found
            coding = found.header("content-encoding")
            body, is_cut = unpacked(response.body, coding, most_bytes, is_cut=found.is_cut, is_start=bool(meta["most"]))
        except BadBody as exc:
            return replace(found, fault=str(exc))
        return replace(found, body=body, is_cut=is_cut)

    def _on_head(self, headers: Any, request: Any, **_more: Any) -> None:
        from scrapy.exceptions import StopDownload

        if not request.meta["takes"]((headers.get(b"Content-Type") or b"").decode("latin-1")):
            request.meta["unwanted"] = True
            raise StopDownload(fail=False)

    def _on_bytes(self, data: bytes, request: Any, **_more: Any) -> None:
        from scrapy.exceptions import StopDownload

        request.meta["received"] = request.meta.get("received", 0) + len(data)
        if request.meta["most"] and request.meta["received"] > request.meta["most"]:
            request.meta["cut"] = True
            raise StopDownload(fail=False)


def _decoded(headers: Any) -> Headers:
    return tuple((_text_of(name), _text_of(value)) for name, values in headers.items() for value in values)


def _text_of(value: bytes) -> str:
    """A header as text: UTF-8, as browsers read an address in it, else Latin-1 (RFC 9110, 5.5)."""
    try:
        return value.decode()
    except UnicodeError:
        return value.decode("latin-1")
