"""Nights of a source that crawls, by the steps of a night: a real site, its own process, and what is kept of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.halves import ingest
from pipeline_lib.ingest.places import kept_beside, places_path
from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.landings import sources_that_land
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.land import land
from tests.tiny_night import KEY, english, night_here, tiny_settings
from tests.web_site import Reply, Site


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


def settings_of(root: Path, site: Site) -> Settings:
    source = {
        "kind": "crawl", "name": "web", "seeds": [site.url()], "contact": "bot@example.org",
        "allow_private": [site.address], "seconds_between_requests": 0.3,
    }  # fmt: skip
    return tiny_settings(root / "workspace", root, ingest__sources=json.dumps([source]))


def night(settings: Settings, told: list[tuple[float, float, str]]) -> list[int]:
    """The ingest of one night; of each batch that is new how many files it has."""
    with night_here(settings) as here:
        here.reporter.progress = lambda *how: told.append(how)  # type: ignore[method-assign]
        for source in sources_that_land(settings):
            land(source, here)
        plan = plan_data(settings, Workspace(settings.workspace))
        ingest(plan, here)
    new = (one.plan for one in plan.found.opened if one.is_new and one.plan is not None)
    return [sum(len(shard.files) for shard in plan.shards) for plan in new]


def test_a_crawled_site_comes_in_night_by_night_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told = list[Any]()
    with Site() as site:
        site.page("/", "/a", "/b", "/gone")
        for path in ("/a", "/b", "/gone"):
            site.page(path, text=english(len(path)) + path)
        settings = settings_of(tmp_path, site)
        assert night(settings, told) == [1]
        assert {note for *_, note in told} >= {"pages"}
        assert not kept_beside(places_path(settings.workspace, "web")).exists()
        assert night(settings, told) == []
        site.pages["/gone"] = Reply("", 404)
        site.page("/a", text=english(9))
        assert night(settings, told) == [1]
    assert site.counts()["/gone"] == 3
