"""A headless browser that sees nothing but this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000


@contextmanager
def browser() -> Iterator["Browser"]:
    """Chromium; where there is none the test skips, in CI it fails."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI") != "true":
        pytest.skip(f"no browser on this machine (looked for {', '.join(BROWSERS)})")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(SWITCHES))
        yield started
        started.close()


def new_page(browser: "Browser") -> "Page":
    """A page with a storage of its own, as of somebody who was never here."""
    page = browser.new_page(viewport={"width": 1400, "height": 950})
    page.set_default_timeout(PATIENCE_MS)
    page.route("**/*", _stay_here)
    return page


def _stay_here(route: "Route") -> None:
    address = urlsplit(route.request.url)
    if address.scheme == "file" or address.hostname in ("127.0.0.1", "localhost"):
        route.continue_()
    else:
        route.abort()
