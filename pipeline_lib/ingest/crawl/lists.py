"""The addresses that a sitemap, an index of sitemaps or a feed names, as far as a crawl takes them."""

from collections.abc import Callable

from pipeline_lib.ingest.crawl import outcomes
from pipeline_lib.ingest.crawl.bodies import BadBody, is_gzip, unpacked
from pipeline_lib.ingest.crawl.found import PAGE, SITEMAP, Found, Known
from pipeline_lib.ingest.crawl.page import addresses_in
from pipeline_lib.ingest.crawl.scope import Scope
from pipeline_lib.ingest.crawl.urls import canonical, host_of, origin_of

MOST_LIST_BYTES = 50 << 20  # the limit of sitemaps.org, unpacked
MOST_OF_LIST = 50_000  # addresses
MOST_LEVELS, MOST_SITEMAPS = 3, 500  # of indexes within each other, of one index


def listed(
    page: Known, body: bytes, scope: Scope, is_wanted: Callable[[str], bool], max_depth: int
) -> tuple[list[Found], str]:
    """The addresses of a list, and how that ended: what is wrong behind its beginning does not undo that."""
    found, num_sitemaps = list[Found](), 0
    try:
        plain = unpacked(body, "gzip", MOST_LIST_BYTES).body if is_gzip(body) else body
        for number, (kind, address) in enumerate(addresses_in(plain)):
            if number >= MOST_OF_LIST:
                return found, "too_many_addresses"
            url = canonical(address, page.url)
            if url is not None and kind == SITEMAP and _is_wanted_sitemap(page, url, scope):
                num_sitemaps += 1
                found += [Found(url, page.depth + 1, SITEMAP)] if num_sitemaps <= MOST_SITEMAPS else []
            elif url is not None and kind == PAGE and is_wanted(url):
                found.append(Found(url, min(page.depth + 1, max(1, max_depth))))
    except BadBody as exc:
        return found, str(exc)
    except ValueError:
        return found, "not_xml"
    return found, outcomes.LANDED


def _is_wanted_sitemap(page: Known, url: str, scope: Scope) -> bool:
    """Whether a sitemap that another one names is taken: not too deep, and of a host that this crawl asks."""
    is_deep = page.kind != SITEMAP or page.depth >= MOST_LEVELS
    return not is_deep and (host_of(url) == page.host or scope.covers(origin_of(url).partition("://")[2]))
