"""Main text survives in each container that pages use, once, and HTML is decoded once."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.extract import extract_text

AROUND = [
    f"The {number} ship came back to the harbour in the morning, and the people of the town walked down to see it."
    for number in ("first", "second", "third", "fourth", "fifth", "sixth")
]
CONTAINERS = {
    "list in a cell":
        "<table><tr><td>MONDAY<ul><li>TEN to two</li><li>THREE</li></ul></td><td>TUESDAY</td></tr></table>",
    "ordered list in a cell": "<table><tr><td>MONDAY<ol><li>TEN</li></ol>TAIL</td><td>TUESDAY</td></tr></table>",
    "nothing but a list in a cell":
        "<table><tr><td><ul><li>TEN</li><li>TWELVE</li></ul></td><td>TUESDAY</td></tr></table>",
    "list in a list in a cell":
        "<table><tr><td><ul><li>TEN<ul><li>HALF</li></ul></li><li>TWO</li></ul></td></tr></table>",
    "paragraphs of a list in a cell": "<table><tr><td>DAY<ul><li><p>TEN <b>BOLD</b></p></li></ul></td></tr></table>",
    "links of a list in a cell": "<table><tr><td>DAY<ul><li><a href='/x'>LINK</a> TAIL</li></ul></td></tr></table>",
    "definitions in a cell": "<table><tr><td>DAY<dl><dt>TERM</dt><dd>MEANING</dd></dl></td><td>OTHER</td></tr></table>",
    "list in a head": "<table><tr><th>HEAD<ul><li>ITEM</li></ul></th></tr><tr><td>CELL</td></tr></table>",
    "menu in a cell": "<table><tr><td>DAY<menu><li>ITEM</li></menu></td></tr></table>",
    "blocks in a cell": "<table><tr><td><div>ONE</div><div>TWO</div>TAIL</td><td><p>THREE</p></td></tr></table>",
    "code in a cell": "<table><tr><td>DAY<pre>CODE x\n  INDENT</pre></td><td><code>INLINE</code></td></tr></table>",
    "quotation in a cell": "<table><tr><td>DAY<blockquote>QUOTE</blockquote></td></tr></table>",
    "heading in a cell": "<table><tr><td><h3>HEADING</h3>TEXT</td></tr></table>",
    "line ends in a cell": "<table><tr><td>ONE<br>TWO<br/>THREE</td></tr></table>",
    "table in a cell": "<table><tr><td>OUTER<table><tr><td>INNER</td></tr></table>TAIL</td></tr></table>",
    "details in a cell": "<table><tr><td><details><summary>SUMMARY</summary>BODY</details></td></tr></table>",
    "table in a list": "<ul><li>ITEM<table><tr><td>CELL</td><td>OTHER</td></tr></table>TAIL</li></ul>",
    "paragraphs in a list": "<ul><li><p>ONE</p><p>TWO</p></li><li>THREE</li></ul>",
    "code in a list": "<ul><li>ITEM<pre>CODE x\n  INDENT</pre>TAIL</li></ul>",
    "quotation in a list": "<ol><li>ITEM<blockquote><p>QUOTE</p></blockquote>TAIL</li></ol>",
    "list in a list": "<ul><li>ITEM<ul><li>INNER<ol><li>DEEP</li></ol></li></ul>TAIL</li></ul>",
    "definitions in a list": "<ul><li>ITEM<dl><dt>TERM</dt><dd>MEANING</dd></dl></li></ul>",
    "details in a list": "<ul><li>ITEM<details><summary>SUMMARY</summary>BODY</details></li></ul>",
    "definitions": "<dl><dt>TERM</dt><dd>MEANING</dd><dt>WORD</dt><dd><p>TEXT</p><ul><li>ITEM</li></ul></dd></dl>",
    "definitions in groups": "<dl><div><dt>TERM</dt><dd>MEANING</dd></div><div><dt>WORD</dt><dd>OTHER</dd></div></dl>",
    "table in a definition": "<dl><dt>TERM</dt><dd>MEANING<table><tr><td>CELL</td></tr></table></dd></dl>",
    "quotations in each other":
        "<blockquote>OUTER<blockquote>INNER<blockquote>DEEP</blockquote></blockquote>TAIL</blockquote>",
    "paragraphs in quotations in each other":
        "<blockquote><p>OUTER</p><blockquote><p>INNER</p><p>TWO</p><blockquote>DEEP</blockquote>"
        "</blockquote><p>TAIL</p></blockquote>",
    "quotation of paragraphs in a list": "<ul><li>ITEM<blockquote><p>QUOTE</p><p>MORE</p></blockquote>TAIL</li></ul>",
    "text behind a quotation in a cell": "<table><tr><td>DAY<blockquote>QUOTE</blockquote>TAIL</td></tr></table>",
    "text behind blocks in a cell": "<table><tr><td>DAY<div><p>ONE</p><p>TWO</p></div>TAIL</td></tr></table>",
    "text behind code in a cell": "<table><tr><td>DAY<pre>CODE</pre>TAIL</td><td>OTHER</td></tr></table>",
    "text behind blocks in a list": "<ul><li>ITEM<div><p>ONE</p><p>TWO</p></div>TAIL</li></ul>",
    "list in a quotation": "<blockquote>QUOTE<ul><li>ITEM</li></ul></blockquote>",
    "table in a quotation": "<blockquote>QUOTE<table><tr><td>CELL</td></tr></table>TAIL</blockquote>",
    "source of a quotation": "<blockquote><p>QUOTE</p><footer>AUTHOR, <cite>WORK</cite></footer></blockquote>",
    "code": "<pre><code class='x'>CODE <span>SPAN</span>\n   <b>BOLD</b></code></pre>",
    "caption of a table": "<table><caption>CAPTION <b>BOLD</b></caption><tr><td>CELL</td></tr></table>",
    "figure of a table": "<figure><table><tr><td>CELL</td></tr></table><figcaption>CAPTION</figcaption></figure>",
    "figure of code": "<figure><pre>CODE x</pre><figcaption>CAPTION</figcaption></figure>",
    "figure of a quotation": "<figure><blockquote>QUOTE</blockquote><figcaption>CAPTION</figcaption></figure>",
    "details": "<details><summary>SUMMARY</summary>BODY of it, which is long enough to be a paragraph</details>",
    "list in details": "<details open><summary>SUMMARY</summary><ul><li>ITEM</li></ul></details>",
    "parts of a table": "<table><thead><tr><th>HEAD</th></tr></thead><tfoot><tr><td>FOOT</td></tr></tfoot></table>",
    "marks in a paragraph":
        "<p>On <time>MONDAY</time> the <mark>MARK</mark> <kbd>KEY</kbd> <sub>SUB</sub> <q>QUOTE</q></p>",
    "loose text": "<div>TEXT that stands loose in a block, with <b>BOLD</b> words in the middle of it</div>",
    "loose text around a block":
        "<div>TEXT that stands loose in a block before another"
        "<div>INNER text of the other block, and enough of it"
        "</div>TAIL that stands loose behind the other block</div>",
    "loose Chinese text": "<div>MARK机器自己读完白天写下的文章，然后决定哪些值得留下</div>",
    "centred text": "<center><font color='red'>TEXT that stands loose in a block that is centred</font></center>",
    "menu": "<menu><li>ONE</li><li>TWO</li></menu>",
}  # fmt: skip


def page(content: str, tag: str = "article") -> str:
    before, behind = ("".join(f"<p>{text}</p>" for text in texts) for texts in (AROUND[:3], AROUND[3:]))
    head = '<!DOCTYPE html><html><head><meta charset="utf-8"><title>t</title></head>'
    return f"{head}<body><{tag}><h1>Ships</h1>{before}{content}{behind}</{tag}></body></html>"


@pytest.mark.parametrize("tag", ["article", "main", "div", "section"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_text_in_a_container_is_read_once_and_so_is_the_text_around_it(container: str, tag: str) -> None:
    text = extract_text(page(CONTAINERS[container], tag)) or ""
    words = re.findall("[A-Z]{3,}", re.sub("<[^>]*>", " ", CONTAINERS[container]))
    assert words
    assert [word for word in words if len(re.findall(rf"\b{word}\b", text, re.ASCII)) != 1] == []
    assert [paragraph for paragraph in AROUND if text.count(paragraph) != 1] == []


def test_content_that_nothing_names_is_the_element_with_most_of_the_paragraphs() -> None:
    menu = "<div><ul><li><a href='/a'>Home and more</a></li><li><a href='/b'>News and more</a></li></ul></div>"
    html = page("<ul><li>ITEM</li></ul>", "div").replace("<body>", f"<body>{menu}")
    text = extract_text(html) or ""
    assert "ITEM" in text
    assert "Home" not in text


ENCODED = {
    "&amp;amp;": "&amp;",
    "&amp;lt;b&amp;gt;": "&lt;b&gt;",
    "&amp;#60;i&amp;#x3e;": "&#60;i&#x3e;",
    "&amp;copy; &amp;nbsp; &amp;eacute;": "&copy; &nbsp; &eacute;",
    "&amp;amp;amp;lt;": "&amp;amp;lt;",
    "&lt;u&gt;": "<u>",
    "&#38;lt; &#x26;gt;": "&lt; &gt;",
    "AT&T, R&D &c.": "AT&T, R&D &c.",
    "&copy; &#169; &#xA9;": "© © ©",
    "a=1&amp;copy=2": "a=1&copy=2",
}
PLACES = (
    "<p>{}</p>", "<p>so <code>{}</code> is</p>", "<pre>{}</pre>", "<pre><code>{}</code></pre>", "<ul><li>{}</li></ul>",
    "<table><tr><td>{}</td><td>b</td></tr></table>", "<table><tr><td>a<ul><li>{}</li></ul></td></tr></table>",
    "<h2>{}</h2><p>below it</p>", "<blockquote>{}</blockquote>", "<dl><dt>{}</dt><dd>is this</dd></dl>",
    "<p>so <b>bold</b> {} and so on</p>", "<p>so <a href='?a&amp;b'>{}</a> and so on</p>",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("written", ENCODED)
def test_html_is_decoded_once(written: str, place: str) -> None:
    text = extract_text(page(place.replace("{}", f"HERE {written} THERE"))) or ""
    assert f"HERE {ENCODED[written]} THERE" in text


@pytest.mark.parametrize("head", ['<?xml version="1.0"?>\n', '<html xmlns="http://www.w3.org/1999/xhtml">'])
def test_verbatim_text_of_xhtml_is_text(head: str) -> None:
    body = page("<p>HERE <![CDATA[a < b && c &amp; <b>d</b>]]> THERE</p><script>//<![CDATA[\nvar x;//]]></script>")
    html = head + body.replace("<!DOCTYPE html><html>", "" if head.startswith("<html") else "<html>")
    text = extract_text(html) or ""
    assert "HERE a < b && c &amp; <b>d</b> THERE" in text
    assert "var x" not in text


TAGS = (
    "html", "body", "div", "p", "ul", "li", "dl", "dt", "dd", "table", "tr", "td", "blockquote", "footer", "figure",
    "figcaption", "pre", "time", "menu", "center", "section", "nav", "span", "a", "svg", "script",
)  # fmt: skip
SOUP = st.one_of(
    st.sampled_from(TAGS).map(lambda tag: f"<{tag}>"),
    st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
    st.sampled_from(
        ("words that go on and on for long enough to be a paragraph ", "短文", "<!-- c -->", "<?x?>", "\x00")
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SOUP, max_size=40).map("".join))
def test_no_disorder_of_tags_stops_anybody(html: str) -> None:
    text = extract_text(html)
    assert text is None or "<" not in text
