"""HTML to text."""

import json

import pytest

from pipeline_lib.clean.extract import count_tags, extract_text

PARAGRAPH = "Machines read what was written during the day, and decide which pages are worth another look. " * 3
CHINESE = "机器自己读完白天写下的文章，然后决定哪些值得留下，没有意义的会被放到一边。" * 4


def page_of(*paragraphs: str) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    comments = "<div id='comments'><p>First to say it!</p></div>"
    return (
        f"<html><head><title>t</title><script>var secret = 1;</script></head><body><nav><a href='/'>Home</a></nav>"
        f"<article><h1>Night</h1>{body}</article>{comments}<footer>Imprint</footer></body></html>"
    )


@pytest.mark.parametrize("paragraph", [PARAGRAPH, CHINESE], ids=["en", "zh"])
def test_the_main_text_is_kept_and_the_rest_is_not(paragraph: str) -> None:
    text = extract_text(page_of(paragraph, paragraph.upper()))
    assert text is not None
    assert paragraph.strip() in text
    assert not any(word in text for word in ("<p>", "secret", "Home", "First to", "Imprint"))


def test_an_article_that_stands_in_json_alone_is_read() -> None:
    data = json.dumps({"@type": "NewsArticle", "articleBody": PARAGRAPH})
    page = f"<html><body><p>Loading</p><script type='application/ld+json'>{data}</script></body></html>"
    assert extract_text(page) == PARAGRAPH.strip()


@pytest.mark.parametrize("between", ["<script>var a = 1;</script>", "<svg><path d='M0'/></svg>", "<style>p{}</style>"])
def test_what_follows_something_that_shows_no_text_stays_in_its_paragraph(between: str) -> None:
    text = extract_text(page_of(f"At night {between}the pages are read. {PARAGRAPH}"))
    assert text is not None and f"At night the pages are read. {PARAGRAPH}".strip() in text


def test_a_fragment_is_read_like_apage_of() -> None:
    assert extract_text(f" <p>{PARAGRAPH}</p>") == PARAGRAPH.strip()


def test_plain_text_is_nopage_of() -> None:
    assert extract_text("if a < b and b > c then a < c") is None


@pytest.mark.parametrize(
    "html",
    [
        "",
        " \n",
        "<html><body><div id='app'></div><script src='app.js'></script></body></html>",
        "<div>" * 20_000,
        "\x00\x01\ufffd" * 500,
    ],
    ids=["empty", "blank", "script only", "deep", "binary"],
)
def test_a_page_without_text_gives_none(html: str) -> None:
    assert extract_text(html) is None


def test_a_page_with_zero_bytes_is_read_all_the_same() -> None:
    text = extract_text(page_of(PARAGRAPH).replace("night", "ni\x00ght").replace("Machines", "\x00Machines"))
    assert text is not None
    assert "worth another look" in text


def test_tags_are_counted_and_so_are_words_inside_one_tag() -> None:
    assert count_tags("no tag at all") == 0
    assert count_tags("<p>one two three four</p>") == 2
    assert count_tags("<p a=1 b=2 c=3 d>one</p>") == 5


def test_nothing_is_said_about_a_brokenpage_of(caplog: pytest.LogCaptureFixture) -> None:
    extract_text("secret words")
    assert caplog.text == ""
