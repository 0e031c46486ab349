"""What a fetched page says to a crawler: its links, its feeds, its one address, and what may be done with it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from pipeline_lib.ingest.charset import decode_html
from pipeline_lib.ingest.crawl.rules import AGENT
from pipeline_lib.ingest.crawl.urls import canonical
from pipeline_lib.ingest.records import Unreadable

MOST_LINKS = 2_000  # of one page
FEEDS = {"application/rss+xml", "application/atom+xml", "application/feed+json"}
_REFRESH = re.compile(r"^\s*[\d.]*\s*[;,]?\s*url\s*=\s*[\"']?([^\"']+)", re.IGNORECASE)
_OF_LINKS = ("a", "area", "iframe", "frame", "link", "meta")


@dataclass
class Head:
    """What a page tells of itself."""

    links: dict[str, None] = field(default_factory=dict)  # canonical, in order, each once
    feeds: dict[str, None] = field(default_factory=dict)
    canonical: str | None = None
    robots: list[str] = field(default_factory=list)  # contents of meta robots
    usages: list[str] = field(default_factory=list)
    tdm: list[str] = field(default_factory=list)
    is_html: bool = True


def read_head(body: bytes, url: str, label: str) -> Head:
    """The head and the links of a page. One that cannot be read says nothing."""
    try:
        text = decode_html(body, label).text
    except Unreadable:
        return Head()
    parser = etree.HTMLParser(recover=True, no_network=True, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return Head()
    return Head() if root is None else _read(root, url)


def _read(root: etree._Element, url: str) -> Head:
    head, base = Head(), url
    for element in root.iter("base"):
        base = canonical(str(element.get("href") or ""), url) or base
        break
    for element in root.iter(*_OF_LINKS):
        if element.tag == "meta":
            _note_meta(head, element, base)
        elif element.tag == "link":
            _note_link(head, element, base)
        elif len(head.links) < MOST_LINKS and "nofollow" not in _words(element, "rel"):
            address = element.get("href") or element.get("src")
            if address and (found := canonical(str(address), base)):
                head.links[found] = None
    return head


def _note_meta(head: Head, element: etree._Element, base: str) -> None:
    name, content = str(element.get("name") or "").strip().lower(), str(element.get("content") or "")
    if name in ("robots", AGENT):
        head.robots.append(content)
    elif name == "content-usage":
        head.usages.append(content)
    elif name == "tdm-reservation":
        head.tdm.append(content.strip())
    elif str(element.get("http-equiv") or "").strip().lower() == "refresh":
        moved = _REFRESH.match(content)
        if moved and (found := canonical(moved[1], base)):
            head.links[found] = None


def _note_link(head: Head, element: etree._Element, base: str) -> None:
    found = canonical(str(element.get("href") or ""), base) if element.get("href") else None
    relations = _words(element, "rel")
    if found is None:
        return
    if "canonical" in relations:
        head.canonical = head.canonical or found
    elif "alternate" in relations and str(element.get("type") or "").strip().lower() in FEEDS:
        head.feeds[found] = None
    elif relations & {"next", "prev"} and len(head.links) < MOST_LINKS:
        head.links[found] = None


def _words(element: etree._Element, name: str) -> set[str]:
    return set(str(element.get(name) or "").lower().split())


def addresses_in(body: bytes) -> Iterator[tuple[str, str]]:
    """("page" or "sitemap", address as it stands there) of a sitemap, its index, a feed, or a list of lines.

    Raises `ValueError` for what is none of them. Entities are not followed, and nothing else is fetched.
    """
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start != b"<":
        for line in body.decode("utf-8", "replace").split("\n"):
            if line.strip().lower().startswith(("http://", "https://")):
                yield "page", line.strip()
        return
    parser = etree.XMLPullParser(
        ("end",), recover=True, no_network=True, resolve_entities=False, load_dtd=False, huge_tree=False
    )
    try:
        for at in range(0, len(body), 1 << 16):
            parser.feed(body[at : at + (1 << 16)])
            yield from _addresses(parser)
    except etree.XMLSyntaxError as exc:
        raise ValueError("no XML") from exc


def _addresses(parser: "etree.XMLPullParser[etree._Element]") -> Iterator[tuple[str, str]]:
    for _, element in parser.read_events():
        name = etree.QName(element).localname if isinstance(element.tag, str) else ""
        parent = element.getparent()
        inside = etree.QName(parent).localname if parent is not None and isinstance(parent.tag, str) else ""
        if name == "loc" and element.text:
            yield ("sitemap" if inside == "sitemap" else "page"), element.text.strip()
        elif name == "link" and inside in ("item", "entry"):
            address = element.get("href") if inside == "entry" else element.text
            if address and (element.get("rel") or "alternate") == "alternate":
                yield "page", str(address).strip()
        if name in ("url", "sitemap", "item", "entry"):
            element.clear(keep_tail=False)
            while element.getprevious() is not None and parent is not None:
                del parent[0]
