"""One page of the web as a night would read it: asked for by the crawler, with its rules and within its bounds.

The order is that of a source `crawl` whose scope has the address, or else of the first there is: its contact, its
limits, its allowed hosts. It asks for the one page and follows at most as many redirects as the crawler does; what
lands lies in a folder of the caller's, and goes with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline_lib.base.errors import SettingsError, UpstreamError
from pipeline_lib.ingest.documents import Document
from pipeline_lib.ingest.records import Bad
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources.crawl import CrawlSource
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.forgotten import NOBODY

SOURCE = "try"
MOST_MINUTES = 2.0
NOT_THERE: Mapping[str, str] = {
    "robots": "its robots.txt does not let us",
    "robots_unreachable": "its robots.txt cannot be read, so nothing may be asked for",
    "reserved_content_usage": "its use for this is reserved (Content-Usage)",
    "reserved_tdm": "its use for this is reserved (TDM reservation)",
    "noindex": "it asks not to be kept (noindex)",
    "private_address": "its host has a private address; --allow-private HOST:PORT lets it in",
    "unreachable": "nobody answers there",
    "timeout": "its answer takes too long",
    "too_large": "it is larger than max_page_bytes of a crawl source",
    "not_text": "it is no page of text",
    "gone": "there is no such page",
    "forbidden": "it is not for everybody",
    "moved": "it leads on, and nothing lies behind",
    "out_of_scope": "it leads to another host; try the address there",
    "too_many_redirects": "it leads on and on",
}


@dataclass(frozen=True)
class Web:
    """What a call says of whom to ask, and as whom."""

    contact: str | None = None
    allow_private: tuple[str, ...] = ()


def page_of(settings: Settings, url: str, web: Web, folder: Path) -> Iterator[Document | Bad]:
    """The document of a page, or what of it cannot be one. Raises `SettingsError` where the crawler may not ask for it
    as it is told, and `UpstreamError` where it has no page from there."""
    from pipeline_lib.ingest.crawl.landing import NobodyAnswered
    from pipeline_lib.ingest.crawl.run import check_installed
    from pipeline_lib.ingest.digests import digest_of_stream
    from pipeline_lib.ingest.documents import read_file, reading_of
    from pipeline_lib.ingest.plan import FilePlan

    own = settings.of(IngestSettings)
    source = _source_of(own, url, web)
    check_installed(source.name)
    landing = folder / "landing"
    landing.mkdir()
    try:
        outcome = source.land(None, folder / "state" / "landings" / f"{SOURCE}.parquet", landing, 1.0, NOBODY)
    except NobodyAnswered as exc:
        raise UpstreamError(f"{exc} Here that is --allow-private HOST:PORT.") from exc
    if not outcome.rows_out:
        raise UpstreamError(f"try: there is no page to be had from there: {_told(outcome.dropped)}.")
    reading = reading_of(own, source, landing)
    for name, place in reading.files.files().files.items():
        with Path(place).open("rb") as raw:
            digest = digest_of_stream(raw)
        yield from read_file(reading, FilePlan(name, digest, Path(place).stat().st_size), Path(place))


def _told(dropped: Mapping[str, int]) -> str:
    """Why nothing came: of a way of redirects, what stood at its end."""
    return "; ".join(NOT_THERE.get(reason, reason.replace("_", " ")) for reason in dropped) or NOT_THERE["moved"]


def _source_of(own: IngestSettings, url: str, web: Web) -> CrawlSource:
    """The order for one page."""
    from pipeline_lib.ingest.crawl.origins import MOST_HOPS
    from pipeline_lib.ingest.crawl.scope import Scope
    from pipeline_lib.ingest.crawl.urls import canonical

    crawls = [source for source in own.sources if isinstance(source, CrawlSource)]
    asked = canonical(url) or ""
    around = (source for source in crawls if asked and Scope(source.allow, source.deny).has(asked))
    given = next(around, crawls[0] if crawls else None)
    contact = web.contact or (given.contact if given else None)
    if contact is None:
        raise SettingsError(
            "try: a page is asked for with an address at which its owner reaches you. Give one: "
            "--contact you@example.org, or have a source of the kind crawl in the settings."
        )
    kept = {} if given is None else {name: getattr(given, name) for name in ("max_page_bytes", "timeout_seconds")}
    private = (*(given.allow_private if given else ()), *web.allow_private)
    limits = {"max_depth": 0, "max_pages": 1 + MOST_HOPS, "max_minutes": MOST_MINUTES}
    try:
        return CrawlSource(name=SOURCE, seeds=(url,), contact=contact, allow_private=private, **limits, **kept)
    except ValidationError as exc:
        said = "; ".join(str(error["msg"]).removeprefix("Value error, ") for error in exc.errors())
        raise SettingsError(f"try: {said}.") from exc
