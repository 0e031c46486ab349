"""The page of a refresh in a headless browser: as it is seen on a desk, on a phone, at night, and by who does not see.

Skipped where there is no Chromium; in CI, which installs one, that is a failure.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import browser, new_page
from tests.tiny_night import chinese, english, write_lines
from tests.unit.report.conftest import HOSTILE, refreshed, settings_of, write_first

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"width": 375, "height": 812}
HIDDEN = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT = """() => [...document.querySelectorAll('td, th, p, li, blockquote, figcaption, h1, h2, h3')]
  .filter(one => one.offsetParent !== null && one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => one.textContent.slice(0, 40))"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, scrub_key: None) -> Path:
    """The page of a second night over English and Chinese text."""
    root = tmp_path_factory.mktemp("page")
    write_first(root)
    settings = settings_of(root)
    refreshed(settings)
    write_lines(
        root / "law" / "c.jsonl", {f"new{n}": chinese(40 + n) for n in range(6)} | {"tiny": "短。", "again": HOSTILE}
    )
    write_lines(root / "press" / "c.jsonl", {"long": "x" * 4000 + " " + english(80)})
    return settings.workspace / str(refreshed(settings)["report"])


@pytest.fixture(scope="module")
def started() -> Iterator["Browser"]:
    with browser() as found:
        yield found


@pytest.fixture
def page(started: "Browser", path: Path) -> Iterator["Page"]:
    """The page on a desk. It asks for nothing, and complains of nothing."""
    opened = new_page(started)
    asked: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(path.as_uri())
    yield opened
    assert asked == [path.as_uri()]
    assert complaints == []
    opened.close()


def test_it_shows_the_night(page: "Page", tmp_path: Path) -> None:
    page.screenshot(path=tmp_path / "desk.png", full_page=True)
    assert page.get_by_role("heading", level=1).inner_text().startswith("Refresh of 20")
    cells = page.get_by_role("row", name="clean").first.get_by_role("cell").all_inner_texts()
    assert cells[:3] == ["21", "16", "5"]  # four texts are too short, one has a word of 4,000 letters
    assert page.get_by_role("img", name="Histogram of num_words").is_visible()
    assert page.title().startswith("Refresh of")  # no script of a document has run
    assert page.get_by_text("document.title = 'taken'").first.is_visible()
    assert page.get_by_text("1 file not read, by kind: other suffix 1").is_visible()


BROKEN = """() => [...document.querySelectorAll('thead th, tbody th')].filter(one => {
  const told = one.textContent.split(' '), word = document.createElement('span');
  word.style.cssText = 'position: absolute; white-space: nowrap';
  one.append(word);  // in the letters of that cell
  const widest = Math.max(...told.map(text => {
    word.textContent = text;
    return word.getBoundingClientRect().width;
  }));
  word.remove();
  return widest < 150 && widest > one.clientWidth + 1;
}).map(one => one.textContent)"""


@pytest.mark.parametrize("width", [840, 1000, 1400])
def test_no_word_of_a_heading_is_broken(page: "Page", width: int) -> None:
    """Beside a column of long texts the first one got two letters a line."""
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(HIDDEN) == 0


def test_its_parts_are_reached_from_its_head(page: "Page") -> None:
    page.get_by_role("navigation").get_by_text("Quality").click()
    assert page.get_by_role("heading", name="Quality of the data").evaluate(
        "one => one.getBoundingClientRect().top < 200"
    )


def test_on_a_phone_nothing_lies_beside_the_screen(page: "Page", tmp_path: Path) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    assert page.evaluate(HIDDEN) == 0
    assert page.evaluate(CUT) == []
    assert page.get_by_role("img", name="Histogram of num_words").bounding_box()["width"] > 300  # type: ignore[index]


def test_at_night_it_is_dark(page: "Page") -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    day = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != day
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
