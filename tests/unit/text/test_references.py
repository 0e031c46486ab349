"""Character references, of any number of digits."""

import html

import pytest

from pipeline_lib.text.references import unescaped


@pytest.mark.parametrize(
    "text", ["&#22812;", "&#x591c;&#X591C", "&amp;&nbsp;&copy", "&#0;&#128;&#1114112;", "&#;&#x;&", "夜"]
)
def test_references_are_decoded_as_html_says(text: str) -> None:
    assert unescaped(text) == html.unescape(text)


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("&#12345678", "\ufffd"),
        ("&#" + "0" * 5000 + "65;", "A"),
        ("&#00000000;", "\ufffd"),
    ],
)
def test_one_of_many_digits_is_what_browsers_show(reference: str, meant: str) -> None:
    assert unescaped(f"a{reference}b") == f"a{meant}b"
