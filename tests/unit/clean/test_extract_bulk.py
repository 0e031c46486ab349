"""HTML to text by resiliparse, for very many pages."""

import importlib.metadata
import random

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean import extract_bulk
from pipeline_lib.clean.extract import extract_page, extract_text
from pipeline_lib.clean.extract_bulk import MOST_BLOCKS, MOST_TAGS, bulk_text
from pipeline_lib.clean.settings import CleanSettings
from tests.unit.clean.conftest import Clean
from tests.unit.clean.test_extract import CHINESE, PARAGRAPH, page_of

LONG = {"en": PARAGRAPH * 3, "zh": CHINESE * 6}


def read(page: str, *, with_metadata: bool = False) -> str | None:
    return extract_page(page, "resiliparse", with_metadata=with_metadata).text


@pytest.mark.parametrize("language", LONG)
def test_the_main_text_is_kept_and_the_rest_is_not(language: str) -> None:
    page = page_of(LONG[language], LONG[language].upper())
    text = read(page)
    assert text is not None and text == bulk_text(page)
    assert LONG[language].strip() in text
    assert not any(word in text for word in ("<p>", "secret", "Home", "Imprint"))


def test_html_is_decoded_once() -> None:
    assert "&lt;b&gt; &amp; c" in str(read(page_of(f"{LONG['en']} &amp;lt;b&amp;gt; &amp;amp; c")))


def test_where_it_finds_little_the_page_is_read_by_trafilatura() -> None:
    page = page_of(PARAGRAPH)
    assert len(str(bulk_text(page))) < 600
    assert read(page) == extract_text(page)


@pytest.mark.parametrize("text", ["if a < b and b > c then a < c", "", " \n", "\x00\x01\ufffd" * 500, "no tag" * 200])
def test_what_is_no_page_is_none_to_both(text: str) -> None:
    assert extract_text(text) is None
    assert read(text) is None


def test_a_fragment_and_xhtml_are_read_like_a_page() -> None:
    long = LONG["en"].strip()
    assert read(f" <p>{long}</p>") == long
    xhtml = f"<?xml version='1.0'?><html xmlns='x'><body><p><![CDATA[{long}]]></p></body></html>"
    assert read(xhtml) == long


@pytest.mark.parametrize("tag", ["div", "DIV", "article", "Article"])
def test_what_would_cost_the_square_of_its_depth_is_left_to_the_other(tag: str) -> None:
    """By count of calls, not by time: as many blocks as are too many never reach resiliparse."""
    most = f"<{tag}>" * MOST_BLOCKS + LONG["en"]
    assert bulk_text(most) == LONG["en"].strip()
    assert bulk_text(f"<{tag}>{most}") is None
    assert bulk_text("<b>" * MOST_TAGS + LONG["en"]) is not None
    assert bulk_text("<b>" * (MOST_TAGS + 1) + LONG["en"]) is None


def test_no_page_ends_a_process_or_takes_long() -> None:
    """It is compiled code: a page that ends it would end a worker."""
    tags = "<p> </p> <div> <table> <tr> <td> <svg> <math> <template> <a> <script> </script> <style> <select> <frameset>"
    signs = (
        "< <? <!-- --> <![CDATA[ ]]> \0 &#0; &#x110000; 中文 𠮷 \ufeff text <form> <button> <b><p></b> </html> <body>"
    )
    parts = [*tags.split(" "), *signs.split(" "), " "]
    chance = random.Random(7)
    for _ in range(3_000):
        page = f"<html>{''.join(chance.choices(parts, k=chance.randrange(1, 60)))}"
        text = bulk_text(page)
        assert text is None or "\0" not in text


def test_metadata_of_a_page_is_read_beside_it() -> None:
    page = f"<html><head><title>The night</title></head><body><article><p>{LONG['en']}</p></article></body></html>"
    found = extract_page(page, "resiliparse", with_metadata=True)
    assert found.metadata.title == "The night"
    assert found.text == bulk_text(page)


def test_the_setting_decides_which_one_reads(clean: Clean, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("pipeline_lib.clean.extract.bulk_text", lambda page: asked.append(page) or "bulk " * 200)
    [row] = clean([page_of(LONG["en"])], formats=["html"]).texts
    assert "bulk" not in row["text"] and not asked
    [row] = clean([page_of(LONG["en"])], formats=["html"], extractor="resiliparse").texts
    assert row["text"].startswith("bulk") and row["format"] == "text"
    assert len(asked) == 1


def test_where_it_is_not_installed_the_settings_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CleanSettings(extractor="resiliparse")
    assert settings.outside() == {"resiliparse": importlib.metadata.version("resiliparse")}
    assert CleanSettings().outside() == {}

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(SettingsError, match=r'clean.extractor = "resiliparse".*nightshift\[bulk\].*"trafilatura"'):
        settings.outside()
    assert extract_bulk.RESILIPARSE == "resiliparse"
