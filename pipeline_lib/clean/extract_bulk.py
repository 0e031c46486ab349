"""HTML to text for very many pages: the main content as resiliparse finds it (`clean.extractor = "resiliparse"`).

Eight times as fast as trafilatura is as this house uses it, and it finds less: F1 .918 on 90 pages of
article-extraction-benchmark, .864 on 481 of trafilatura's own set, .910 on 36 Chinese news pages (docs/bench). Where it
finds little (`extract.py` says when), a page is read by trafilatura after all: 24 of these 607.

Its time grows with the square of how deeply `div` and `article` are nested (40,000 of them: 156 s; 4,000: 4 s), and a
page with more of these than any of 608 real ones, or with very many tags, is left to trafilatura, which has bounds of
its own.
"""

import re
from typing import Final, Literal

Extractor = Literal["trafilatura", "resiliparse"]

RESILIPARSE: Final = "resiliparse"
MOST_TAGS = 10_000
MOST_BLOCKS = 2_000  # of the kinds whose nesting costs its square; 608 real pages have fewer
_BLOCK = re.compile("<(?:div|article)", re.IGNORECASE)


def bulk_text(page: str) -> str | None:
    """The main text of a page; None where it is left to another extractor, or has none."""
    from resiliparse.extract.html2text import extract_plain_text

    if page.count("<") > MOST_TAGS or sum(1 for _ in _BLOCK.finditer(page)) > MOST_BLOCKS:
        return None
    text: str = extract_plain_text(page, main_content=True, alt_texts=False, list_bullets=False)
    return text or None
