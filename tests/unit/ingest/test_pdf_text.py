"""From the pages of a PDF to its text: divided words, page joins, running heads and feet."""

import time

import pytest

from pipeline_lib.ingest.pdf_text import text_of

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]


def book(head: str = "", foot: str = "", num_pages: int = 8) -> list[str]:
    """Pages of one line each, between a head and a foot in which {} is the number of the page."""
    return [
        "\r\n".join(filter(None, (head.format(number), f"Text of {WORDS[number]}", foot.format(number))))
        for number in range(num_pages)
    ]


BARE = "\n\n".join(f"Text of {word}" for word in WORDS)


@pytest.mark.parametrize(
    ("pages", "text"),
    [
        (["one\r\ntwo", "three"], "one\ntwo\n\nthree"),
        (["one\rtwo\r\n", "\r\n three"], "one\ntwo\n\n three"),
        (["", "one", "  \r\n"], "one"),
        ([], ""),
        (["inter\x02national"], "international"),
        (["well\x02known, as a well-known one"], "well-known, as a well-known one"),
        (["a\x02b and c\x02d\x02e"], "ab and cde"),
        (["x\x02\ny"], "xy"),
        (["\x02"], "-"),
        (["re\x02use, well-known, reuse"], "reuse, well-known, reuse"),
        (["3\x024 times"], "3-4 times"),
        (["a\u00ad\r\nb and c\u00add"], "ab and cd"),
        (["夜里的\r\n文字"], "夜里的\n文字"),
        (["a\0b\x07c"], "a\ufffdb\ufffdc"),
    ],
)
def test_pages_become_one_text(pages: list[str], text: str) -> None:
    assert text_of(pages) == text


@pytest.mark.parametrize(
    "head", ["", "The Journal of Night", "Page {}", "第 {} 页", "Journal 12 (2024)   {}", "{} / 8"]
)
@pytest.mark.parametrize("foot", ["", "{}", "- {} -", "© 2024 the authors"])
def test_a_running_head_or_foot_is_no_text(head: str, foot: str) -> None:
    assert text_of(book(head, foot)) == BARE


def test_two_running_lines_are_none_either() -> None:
    assert text_of(book("The Journal\r\nVolume 3, page {}", "{}\r\nhttps://example.org")) == BARE


def test_a_head_that_a_title_page_lacks_is_one() -> None:
    pages = book("The Journal {}")
    assert text_of(["Its title", *pages[1:]]) == "\n\n".join(["Its title", *BARE.split("\n\n")[1:]])


@pytest.mark.parametrize(
    "pages",
    [
        book("The Journal", num_pages=3),
        [f"Exercise {number * number}\r\nText of {word}" for number, word in enumerate(WORDS)],
        [f"{word}\r\nText of {word}" for word in WORDS],
        [f"Chapter {number // 3}\r\nText of {word}" for number, word in enumerate(WORDS)],
        [f"Same\r\n{word}" if number % 2 else f"{word} of another\r\nkind" for number, word in enumerate(WORDS)],
    ],
)
def test_a_line_that_may_be_text_stays(pages: list[str]) -> None:
    assert text_of(pages) == "\n\n".join(page.replace("\r\n", "\n") for page in pages)


@pytest.mark.parametrize(
    "page", ["x" * 3_000_000 + "\x02y", "夜\x02" * 500_000, "-" * 3_000_000 + "\x02", "9" * 1_000_000]
)
def test_no_page_takes_long(page: str) -> None:
    start = time.process_time()
    text_of([page, *[f"{page[:5_000]}{number}" for number in range(5)]])
    assert time.process_time() - start < 10
