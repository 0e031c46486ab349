"""Addresses as a crawl hands them around: found, and known to its frontier."""

from dataclasses import dataclass

PAGE, SITEMAP, FEED = "page", "sitemap", "feed"


@dataclass(frozen=True)
class Known:
    """An address that waits, with what is known of it."""

    number: int
    url: str
    host: str
    kind: str
    depth: int
    hops: int  # redirects in a row that led here
    tries: int
    is_known: bool  # it landed before
    etag: str
    modified: str
    body: str  # digest of the body that landed


@dataclass(frozen=True)
class Found:
    """An address to be added."""

    url: str
    depth: int
    kind: str = PAGE
    hops: int = 0
    late: bool = False  # it was not reached in the night before
    is_known: bool = False
    etag: str = ""
    modified: str = ""
    body: str = ""
