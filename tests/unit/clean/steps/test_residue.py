"""What mark-up and trackers leave in texts."""

import pytest

from tests.unit.clean.steps.conftest import Through


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>One</p><p>Two<br/>three", "\nOne\n\nTwo\nthree"),
        ('a <span class="x" data-y="1">red</span> <B>word</B>', "a red word"),
        ("AT&amp;T&nbsp;&mdash;&#8217;&#x4f60;", "AT&T\xa0—’你"),
        ("x <!-- not\nshown --> y", "x  y"),
        ("<<b>b>deep", "deep"),
    ],
)
def test_tags_and_references_of_html_go(through: Through, before: str, after: str) -> None:
    assert through(before, "tags.v1") == after


@pytest.mark.parametrize(
    "text",
    [
        "Write `<p>` and `&nbsp;`.",
        "```html\n<p>One</p>&amp;\n```",
        "```\n<p> in a fence without end",
        "&lt;p&gt; is shown",
        "&amp;lt; and &amp;amp; and &amp;#65;",
        "3 < 5 > 2, <T>, List<String>, <stdio.h>, a<-b",
        "&unknown; & alone; &",
    ],
)
def test_code_and_what_stands_for_a_sign_stay(through: Through, text: str) -> None:
    assert through(text, "tags.v1") == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("History[edit]\n历史[编辑]", "History\n历史"),
        ("true[citation needed].", "true."),
        ("a{{cite web|url=x|title={{reflist}}}}b{{來源請求}}", "ab"),
    ],
)
def test_notes_and_templates_of_wikis_go(through: Through, before: str, after: str) -> None:
    assert through(before, "wiki_residue.v1") == after


@pytest.mark.parametrize("text", ["a[1] b[i] [update]", "{{ user.name }} {{x|upper}} {{a}_b}", "{{main}}", "[edited]"])
def test_indexes_and_templates_of_others_stay(through: Through, text: str) -> None:
    assert through(text, "wiki_residue.v1") == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://e.org/a?utm_source=x", "https://e.org/a"),
        ("(see https://e.org/a?id=3&utm_source=x&fbclid=y#top).", "(see https://e.org/a?id=3#top)."),
        ("https://e.org/?utm_medium=a&amp;id=3。", "https://e.org/?id=3。"),
        ("**www.e.org/?gclid=1**, and so on", "**www.e.org/**, and so on"),
        ("https://e.org/?utm_a=1&utm_b=2?", "https://e.org/?"),
    ],
)
def test_parameters_that_only_track_go(through: Through, before: str, after: str) -> None:
    assert through(before, "tracking.v1") == after


@pytest.mark.parametrize(
    "text",
    [
        "utm_source=x is a parameter", "https://e.org/?q=utm_source", "f(?utm_source=1)",
        # Nobody can say where these queries end.
        "http://a.org/p?utm_term=foo(bar)&id=5", "http://a.org/p?utm_term=中文&id=5", "http://a.org/?id=5&utm_id={x}&z=1",
        "http://a.org/p?utm_term=a|b&id=5", "http://a.org/p?utm_source=a?b=1", "http://a.org/p?utm_source=x)and",
    ],
)  # fmt: skip
def test_what_is_no_parameter_of_an_address_stays(through: Through, text: str) -> None:
    assert through(text, "tracking.v1") == text


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("blank_lines.v1", "\n\na  \n\u3000\n\t\n\n  b = 1\n\n\n", "a\n\n  b = 1\n"),
        ("blank_lines.v1", "a\n\n\nb", "a\n\nb"),
        ("blank_runs.v1", "  a  b\t c\u3000\u3000d  \n", "  a b c\u3000d  \n"),
    ],
)
def test_blanks_that_part_nothing_go(through: Through, step: str, before: str, after: str) -> None:
    assert through(before, step) == after


@pytest.mark.parametrize("behind", ["", ".", ")。", "，然后", "。", "）", "#part", '"', " (b)", "!)", "**"])
def test_what_ends_an_address_ends_its_parameters(through: Through, behind: str) -> None:
    assert through(f"见https://a.org/p?id=5&utm_source=x{behind}", "tracking.v1") == f"见https://a.org/p?id=5{behind}"
