"""What the tests of the crawler share: a site of their own, and a workspace that crawls it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from pipeline_lib.ingest.crawl import run
from tests.crawls import Crawls, Told
from tests.source_nights import House
from tests.told_web import Web
from tests.web_site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of the test's own, on a port of its own."""
    with Site() as running:
        yield running


@pytest.fixture
def crawls(tmp_path: Path, site: Site) -> Crawls:
    """A workspace that crawls the site."""
    return Crawls(House(tmp_path), site)


@pytest.fixture
def sites() -> Iterator[Callable[..., Site]]:
    """As many sites as are asked for, each a host of its own."""
    numbers = count(1)
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(Site(f"127.0.1.{next(numbers)}", **how))


@pytest.fixture
def web(tmp_path: Path) -> Web:
    """A web without pages, that is told and not served."""
    return Web(tmp_path / "web")


@pytest.fixture
def told(tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch) -> Crawls:
    """A workspace that crawls the web that is told, in this process."""
    monkeypatch.setattr(run, "_run_child", web.run)
    return Crawls(House(tmp_path), Told("e.example"))
