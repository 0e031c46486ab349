"""What a page of the web says of itself: title, author, date and language. `clean.page_metadata` asks for it.

By trafilatura and htmldate: from `meta`, JSON-LD and elements that are marked so. htmldate also takes a date out of a
sentence; here one counts that stands in a `meta`, in JSON-LD or in a `time`. None depends on the day on which a page
is read. All of it takes two thirds of the time of extraction, so it is asked for.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MOST_CHARACTERS = 500  # of a title or a name: more is no such thing
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,4}", re.IGNORECASE)  # BCP 47, as far as pages use it
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
# htmldate's own default is today, so that a page would say another thing on another day.
_DATES = {"original_date": True, "extensive_search": False, "min_date": "1990-01-01", "max_date": "2100-01-01"}


class PageMetadata(NamedTuple):
    """None: a page does not say."""

    title: str | None = None
    author: str | None = None  # several are parted by "; "
    date: str | None = None  # a day, as ISO 8601 has it: when it was published first
    language: str | None = None  # BCP 47: what it declares, which may be wrong

    @property
    def beside(self) -> dict[str, str]:
        """What of it stands in the column of metadata."""
        told = {"author": self.author, "date": self.date, "language": self.language}
        return {name: value for name, value in told.items() if value}


def metadata_of(tree: "HtmlElement") -> PageMetadata:
    """What a page says, which stays as it is."""
    from trafilatura.metadata import extract_metadata

    declared = (tree.get("lang") or "").strip()
    language = declared if _LANGUAGE.fullmatch(declared) else None
    try:
        found = extract_metadata(tree, date_config=_DATES)
    except Exception:  # noqa: BLE001 - of whatever library it uses there: an odd page says nothing of itself, and has its text
        return PageMetadata(language=language)
    is_declared = bool(found.date) and any(found.date in text for text in _declarations(tree))
    return PageMetadata(_line(found.title), _line(found.author), found.date if is_declared else None, language)


def _declarations(tree: "HtmlElement") -> Iterator[str]:
    """Where a page tells machines what it is."""
    for meta in tree.iter("meta"):
        yield meta.get("content") or ""
    for moment in tree.iter("time"):
        yield moment.get("datetime") or moment.text or ""
    for script in tree.iterfind('.//script[@type="application/ld+json"]'):
        yield script.text or ""


def _line(told: str | None) -> str | None:
    """A text in one line, None where it is empty, too long, or no text that can be kept."""
    line = " ".join((told or "").split())
    return line if 0 < len(line) <= MOST_CHARACTERS and not _NO_TEXT.search(line) else None
