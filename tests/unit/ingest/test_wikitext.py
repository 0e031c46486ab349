"""Wikitext to plain text, construct by construct, and in time that grows with the page alone."""

import random
import time

import pytest

from pipeline_lib.ingest.wikitext import is_redirect, plain_text

CASES = {
    "plain": ("text, 文字", "text, 文字"),
    "bold and italic": ("'''Night''' is ''dark'' and '''''both'''''. It's", "Night is dark and both. It's"),
    "a link": ("[[day]]s and [[day|the time]]", "days and the time"),
    "a link with a sign": ("[[:Category:Night]] [[a#b]]", "Category:Night a#b"),
    "a file": ("a[[File:x.jpg|thumb|a [[caption]] of it]]b", "ab"),
    "a file in Chinese": ("甲[[文件:x.jpg|缩略图|说明[[链接]]]]乙[[分类:夜]]", "甲乙"),
    "an image in capitals": ("a[[IMAGE:x.jpg]]b", "ab"),
    "another language": ("a[[fr:Nuit]]b [[fr:Nuit|Nuit]]", "ab Nuit"),
    "an outer link": ("see [https://h/x the page] and [http://h/x] https://h/y", "see the page and  https://h/y"),
    "a template": ("a{{b|c=[[d]]|{{e}}}}f", "af"),
    "a template over lines": ("{{Infobox\n| a = {{b\n|c}}\n}}\n'''Night'''", "Night"),
    "a table": ("a\n{| class=x\n|-\n| b || c\n|}\nd", "a\n\nd"),
    "a table in a table": ("{|\n|\n{|\n|a\n|}\n|}\nb", "b"),
    "a reference": ('a<ref>b [[c]]</ref>d<ref name=x/>e<ref name="y" />f<REF>g</REF>h', "adefh"),
    "a comment": ("a<!-- b {{ -->c", "ac"),
    "headings": ("== One ==\ntext\n=== Two===\n====== 六 ======", "One\ntext\nTwo\n六"),
    "lists": ("* one\n** two\n# three\n: four\n; five", "one\ntwo\nthree\nfour\nfive"),
    "a rule": ("a\n----\nb", "a\nb"),
    "breaks and tags": ("a<br>b<br />c<div class=x>d</div><small>e</small><span style='x'>f</span>", "a\nb\nc\nd\nef"),
    "what only looks like a tag": ("a < b, c<d and x>y, <foo@bar>", "a < b, c<d and x>y, <foo@bar>"),
    "a formula": ("is <math>E=mc^{{2}}</math>", "is E=mc^{{2}}"),
    "code": ("<syntaxhighlight lang=py>x = [[1]] # ''\n</syntaxhighlight>", "x = [[1]] # ''"),
    "nowiki": ("<nowiki>[[a]] {{b}}</nowiki> <nowiki/>c", "[[a]] {{b}} c"),
    "entities": ("a&nbsp;b &amp; &lt;b&gt; &#22812;", "a\xa0b & <b> 夜"),
    "an endless entity": ("a &#" + "9" * 5000 + "; b", "a \ufffd b"),
    "switches": ("__NOTOC__a __TOC__", "a"),
    "variants": ("-{zh-hans:计算机; zh-hant:電腦}-和-{A|zh-cn:软件;zh-tw:軟體}-与-{原文}-", "计算机和软件与原文"),
    "hidden variants": ("-{H|zh-cn:甲;zh-tw:乙}--{T|题}-文", "文"),
    "a gallery": ("a\n<gallery>\nFile:a.jpg|x\n</gallery>\nb", "a\n\nb"),
    "brackets that were emptied": ("夜（{{拼音}}）, night ({{IPA|x}}; {{y}})", "夜, night "),
    "blank lines": ("a\n\n\n\n{{x}}\n\nb", "a\n\nb"),
    "a template that is never closed": ("a {{b [[c]] d", "a {{b c d"),
    "one that closes what was not open": ("a }} b ]] c |} d", "a }} b ]] c |} d"),
    "a link that is never closed": ("a [[b [[c]] d", "a [[b c d"),
    "a comment that is never closed": ("a <!-- b", "a  b"),
    "a reference that is never closed": ("a <ref>b", "a b"),
    "a table that is never closed": ("{| x\n| a\nb", "{| x\n| a\nb"),
    "signs that cross": ("a {{b [[c}} d]] e", "a  d]] e"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("wikitext", "text"), CASES.values(), ids=CASES)
def test_what_a_reader_sees_is_the_text(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text.strip()


@pytest.mark.parametrize("text", ["#REDIRECT [[a]]", "# redirect[[a]]", "\n#重定向 [[甲]]", "#重新導向 [[甲]]"])
def test_a_redirect_is_known_by_its_text(text: str) -> None:
    assert is_redirect(text)
    assert not is_redirect(f"x{text}")


SIGNS = [
    "[[",
    "]]",
    "{{",
    "}}",
    "\n{|",
    "\n|}",
    "<!--",
    "-->",
    "<ref>",
    "</ref>",
    "<math>",
    "</math>",
    "'''",
    "-{",
    "}-",
    "[http://x ",
    "]",
    "<div ",
    ">",
    "==",
    "\n==",
    "\n*",
    "(",
    "（",
    "__",
    "|",
    ":",
    "File:",
    "x",
    " ",
    "\n",
    "夜",
    "<",
    "&lt;",
]


@pytest.mark.parametrize(
    "sign",
    [
        *SIGNS,
        "[[a|",
        "{{a|",
        "[[File:a|",
        "<ref <",
        "= ",
        "{{{",
        "<ref>{{",
        "-{a",
        "((((",
        "<!-",
        "[//x\t",
        " ",
        "[//x" + " " * 999,
    ],
)
def test_a_page_of_one_sign_takes_no_long(sign: str) -> None:
    page = sign * (1_000_000 // len(sign))
    start = time.process_time()
    plain_text(page)
    plain_text(f"{sign} {page[: len(page) // 2]} end")
    assert time.process_time() - start < 12


def test_a_page_of_any_signs_takes_no_long_and_no_offence() -> None:
    chance = random.Random(5)
    for _ in range(300):
        plain_text("".join(chance.choices(SIGNS, k=300)))
    start = time.process_time()
    plain_text("".join(chance.choices(SIGNS, k=400_000)))
    assert time.process_time() - start < 12
