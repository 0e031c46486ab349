"""What an answer is: whether the page may be kept, and what is told of it beside its text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import xxhash

from pipeline_lib.ingest.crawl.fetch import Answer
from pipeline_lib.ingest.crawl.origins import Origin
from pipeline_lib.ingest.crawl.page import Head, read_head
from pipeline_lib.ingest.crawl.rules import AGENT
from pipeline_lib.ingest.crawl.usage import is_reserved, read_usage, robots_tags, shown
from pipeline_lib.ingest.crawl.warc import Page
from pipeline_lib.ingest.records import Format

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z0-9, -]{1,64}")
MOST_SNIFFED = 1024
HTML, TEXT, MARKDOWN = "text/html", "text/plain", "text/markdown"


@dataclass(frozen=True)
class Judged:
    """A page that was answered."""

    reason: str  # why it is not kept, "" where it is
    is_nofollow: bool = False
    links: Sequence[str] = ()
    feeds: Sequence[str] = ()
    digest: str = ""  # of the body, and of what is told beside it
    told: Mapping[str, str] = field(default_factory=dict)

    def page(self, url: str, fetched: datetime, answer: Answer) -> Page:
        """As it is stored."""
        return Page(url, fetched, self.told, answer.headers, answer.body)


def judge(url: str, answer: Answer, origin: Origin) -> Judged:
    """Whether a page may be kept, where it leads, and what is told of it."""
    kind = format_of(answer.header("content-type"), answer.body)
    if kind is None:
        return Judged("not_text")
    head = read_head(answer.body, url, label_of(answer.header("content-type"))) if kind == "html" else Head()
    tags = robots_tags(answer.headers_of("x-robots-tag"), AGENT) | robots_tags(head.robots, AGENT)
    usages = [read_usage(value) for value in (answer.header("content-usage"), *head.usages)]
    usages.append(origin.usage_of(url))
    tdm = [answer.header("tdm-reservation").strip(), *head.tdm, origin.tdm_of(url)]
    told = _told(url, answer, head, {name: value for usage in usages for name, value in usage.items()}, tdm)
    return Judged(
        _reason(tags, any(map(is_reserved, usages)), "1" in tdm),
        "nofollow" in tags,
        [*head.links, *([head.canonical] if head.canonical else [])],
        list(head.feeds),
        xxhash.xxh3_128_hexdigest(answer.body + repr(sorted(told.items())).encode()),
        told,
    )


def _reason(tags: frozenset[str], is_reserved_by_usage: bool, is_reserved_by_tdm: bool) -> str:
    if "noindex" in tags:
        return "noindex"
    if is_reserved_by_usage or "noai" in tags:
        return "reserved_content_usage"
    return "reserved_tdm" if is_reserved_by_tdm else ""


def _told(url: str, answer: Answer, head: Head, usage: Mapping[str, str], tdm: Sequence[str]) -> dict[str, str]:
    language = _LANGUAGE.fullmatch(answer.header("content-language").strip())
    told = {
        "canonical": head.canonical if head.canonical and head.canonical != url else "",
        "content_language": language[0] if language else "",
        "content_usage": shown(usage),
        "tdm_reservation": "0" if "0" in tdm else "",
    }
    return {name: value for name, value in told.items() if value}


def label_of(content_type: str) -> str:
    """The charset that a Content-Type names, "" for none."""
    found = _CHARSET.search(content_type)
    return found[1] if found else ""


def format_of(content_type: str, body: bytes) -> Format | None:
    """How a page is written, by what was said of it, else by its first bytes; None for what is no text."""
    named = content_type.partition(";")[0].strip().lower()
    if named in ("text/markdown", "text/x-markdown"):
        return "markdown"
    if named in (HTML, "application/xhtml+xml"):
        return "html"
    is_binary = b"\0" in body[:MOST_SNIFFED] and body[:2] not in (b"\xff\xfe", b"\xfe\xff")
    if is_binary:
        return None
    is_html = named == "" and body[:MOST_SNIFFED].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return "html" if is_html else "text"
