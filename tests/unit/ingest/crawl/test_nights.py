"""Crawls night by night: what changed is fetched, what is gone withdrawn, what fails stays, and a kill costs little."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.crawl import run
from pipeline_lib.ingest.crawl.fetch import Answer
from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.landing import read_known
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import Tombstone, forget_key, save_tombstones
from tests.copied import ROOT
from tests.crawls import Crawls
from tests.told_web import HOST, Web, html, plain, status
from tests.web_site import Asked, Reply, Site, conditional, moved


def lay_out(site: Site) -> None:
    """A site of pages that know their version by ETag, by date, or not at all."""
    site.page("/", "/etag", "/dated", "/plain", "/gone")
    site.pages["/etag"] = conditional("<p>by its tag", etag='"1"')
    site.pages["/dated"] = conditional("<p>by its date", modified="Thu, 01 Jan 2026 00:00:00 GMT")
    site.page("/plain")
    site.page("/gone")


def test_a_night_later_what_is_the_same_keeps_its_place_and_then_what_changed_comes_in(crawls: Crawls) -> None:
    site = crawls.site
    lay_out(site)
    crawls.land()
    crawls.house.night()
    before = crawls.pieces()
    site.clear()
    outcome = crawls.land()
    told = {one.path: one.headers for one in site.log}
    assert told["/etag"]["if-none-match"] == '"1"'
    assert told["/dated"]["if-modified-since"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert crawls.pieces() == before
    assert [outcome.facts[f"num_{what}"] for what in ("new", "changed", "gone", "unchanged")] == [0, 0, 0, 5]
    assert crawls.house.scan() is None
    site.pages["/etag"] = conditional("<p>another", etag='"2"')
    site.page("/plain", "/new", text="Another text, and a link")
    site.page("/new")
    site.pages["/gone"] = Reply("", 410)
    outcome = crawls.land()
    assert [outcome.facts[f"num_{what}"] for what in ("new", "changed", "gone", "unchanged")] == [1, 2, 1, 2]
    assert outcome.dropped == {"gone": 1}
    texts = crawls.house.texts(crawls.house.night())
    assert {url.removeprefix(site.url("")) for url in texts} == {"/etag", "/plain", "/new"}
    assert "/gone" not in crawls.rows()


def test_what_fails_or_may_not_be_told_keeps_the_version_that_is_there(told: Crawls, web: Web) -> None:
    ill = {"/a": status(500), "/b": status(403), "/c": Answer(fault="too_large"), "/d": Answer(fault="timeout")}
    web.pages = {"/": html(*ill)}
    web.otherwise = lambda url: html(text=url)
    told.land()
    before = told.rows()
    web.pages = {**web.pages, **ill}
    outcome = told.land()
    assert told.rows() == before
    assert kept_in(outcome) == {"failed": 1, "forbidden": 1, "timeout": 1, "too_large": 1}
    assert outcome.dropped == {}
    web.pages = {"/": html(*ill)}
    web.otherwise = lambda url: html(text=f"{url} is well again")
    assert told.land().facts["num_changed"] == 4


def kept_in(outcome: Outcome) -> dict[str, int]:
    """How many pages stayed as they were, by reason."""
    kept = "num_kept_"
    return {name.removeprefix(kept): num for name, num in outcome.facts.items() if name.startswith(kept)}


def test_what_the_budget_leaves_is_asked_for_first_the_next_night(told: Crawls, web: Web) -> None:
    web.pages = {"/": html(*(f"/{number}" for number in range(6)))}
    web.otherwise = lambda url: html(text=url)
    first = told.land(max_pages=4)
    assert (first.rows_out, first.dropped) == (4, {"not_reached": 3})
    told.land(max_pages=100)
    assert len(told.rows()) == 7
    web.asked.clear()
    partly = told.land(max_pages=3)
    assert (partly.rows_out, kept_in(partly)) == (7, {"not_reached": 4})
    asked = set(web.paths())
    web.asked.clear()
    told.land(max_pages=4)
    assert (len(asked), asked & set(web.paths())) == (3, set())


def test_where_more_is_asked_for_pages_that_are_the_same_lead_further(told: Crawls, web: Web) -> None:
    def versioned(_url: str) -> Answer:
        is_same = web.asked[-1][1].get("If-None-Match") == "1"
        return status(304) if is_same else html("/a", "/tag/b", ETag="1")

    web.pages = {"/": versioned, "/a": html(text="a"), "/tag/b": html(text="b")}
    told.land(max_depth=0)
    assert told.land(max_depth=0).facts["num_unchanged"] == 1
    assert web.asked[-1][1] == {"If-None-Match": "1"}
    told.land(max_depth=1, deny=("/tag/",))
    assert set(told.rows()) == {"/", "/a"}
    told.land(max_depth=1)
    assert set(told.rows()) == {"/", "/a", "/tag/b"}


def test_a_feed_is_asked_for_each_night_also_where_its_page_is_the_same(told: Crawls, web: Web) -> None:
    def versioned(_url: str) -> Answer:
        is_same = web.asked[-1][1].get("If-None-Match") == "1"
        return status(304) if is_same else html(head=FEED_LINK, ETag="1")

    web.pages = {"/": versioned, "/feed": plain(f"<rss><item><link>{HOST}/1</link></item></rss>"), "/1": html(text="1")}
    told.land()
    web.pages |= {"/feed": plain(f"<rss><item><link>{HOST}/2</link></item></rss>"), "/2": html(text="2")}
    assert told.land().facts["num_new"] == 1
    assert set(told.rows()) == {"/", "/1", "/2"}


FEED_LINK = '<link rel="alternate" type="application/rss+xml" href="/feed">'


def test_too_many_pages_gone_at_once_stop_the_night_and_the_next_one_asks_again(told: Crawls, web: Web) -> None:
    pages = {"/": html("/a", "/b", "/c"), **{path: html(text=path) for path in ("/a", "/b", "/c")}}
    web.pages = pages
    told.land()
    web.pages = {"/": pages["/"]}
    told.house.settings = {"max_gone_share": 0.5}
    landing = told.house.landing
    with pytest.raises(GuardStop, match="3 of the 4 rows"):
        told.land()
    web.pages, told.house.landing = pages, landing
    assert told.land().facts["num_unchanged"] == 4


def test_a_site_that_nobody_reaches_is_no_empty_site(told: Crawls, web: Web) -> None:
    web.pages = {"/robots.txt": status(500)}
    with pytest.raises(UpstreamError, match=r"no page of source 'docs' was answered \(robots_unreachable 1\)"):
        told.land()
    web.pages = {"/": html()}
    assert told.land().rows_out == 1


def test_a_landing_that_is_lost_comes_back_with_each_page_where_it_lay(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/b", "/a"), "/a": html(text="a"), "/b": html(text="b")}
    told.land()
    told.house.night()
    before = list(told.rows())
    told.house.landing = None
    web.pages = {"/": html("/a", "/new", "/b"), **web.pages, "/new": html(text="new")}
    assert told.land().facts["num_new"] == 3
    assert list(told.rows()) == before
    plan = told.house.scan()
    assert plan is None or told.house.texts(told.house.night()) == {}


def test_a_page_that_moved_lands_under_its_new_address_alone(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/old"), "/old": html(text="old")}
    told.land()
    web.pages = {**web.pages, "/old": status(301, Location="/new"), "/new": html(text="old")}
    outcome = told.land()
    assert set(told.rows()) == {"/", "/new"}
    assert (outcome.facts["num_moved"], outcome.facts["num_gone"], outcome.facts["num_new"]) == (1, 1, 1)


def test_what_the_rules_or_the_settings_take_back_is_withdrawn(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/a", "/b", "/c", "/d", "/e")}
    web.otherwise = lambda url: html(text=url)
    told.land()
    web.pages = {
        **web.pages,
        "/robots.txt": plain("User-agent: *\nDisallow: /a"),
        "/b": html(X_Robots_Tag="noindex"),
        "/c": html(tdm_reservation="1"),
        "/e": plain("\0"),
    }
    outcome = told.land(deny=("/d",))
    assert set(told.rows()) == {"/"}
    assert outcome.dropped == {"noindex": 1, "not_text": 1, "out_of_scope": 1, "reserved_tdm": 1, "robots": 1}


def test_a_polite_crawl_asks_a_host_one_thing_at_a_time_and_waits_as_told(crawls: Crawls) -> None:
    site = crawls.site
    site.pages["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 0.3\nDisallow: /secret")
    site.page("/", "/a", "/b", "/secret", "/moved", "/slow")
    site.pages["/moved"] = moved("/c")

    def slow(_handler: Any) -> Reply:
        time.sleep(0.4)
        return Reply("<p>slow")

    site.pages["/slow"] = slow
    for path in "abc":
        site.page(f"/{path}")
    crawls.land(seconds_between_requests=0.2)
    asked = sorted(site.log, key=lambda one: one.at)
    assert len(asked) == 9
    assert pauses_of(asked[1:]) >= 0.3
    assert pauses_of(asked) >= 0.2  # before what robots.txt says is known
    assert len({one.connection for one in asked}) == 1
    assert "/secret" not in site.paths()


def pauses_of(asked: list[Asked]) -> float:
    """The shortest time between an answer and the next request."""
    return min(after.at - before.until for before, after in itertools.pairwise(asked)) + 0.01


KILLED = """
import sys
from pathlib import Path
from tests.crawls import Crawls, Told
from tests.source_nights import House
crawls = Crawls(House(Path(sys.argv[1])), Told(sys.argv[2]))
crawls.land(max_minutes=1.0)
"""


def test_after_a_kill_at_most_what_was_in_flight_is_asked_for_again(crawls: Crawls, tmp_path: Path) -> None:
    site, num_pages = crawls.site, 60
    site.page("/", *(f"/{number}" for number in range(num_pages)))

    def answer(handler: Any) -> Reply:
        time.sleep(0.02)
        return Reply(f"<p>{handler.path}")

    site.pages |= {f"/{number}": answer for number in range(num_pages)}
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), site.address])
    wait_until(lambda: len(site.paths()) >= num_pages // 2)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wait_until(lambda: is_quiet(site))
    assert len(site.paths()) < num_pages
    outcome = crawls.land()
    counts = site.counts()
    assert outcome.rows_out == num_pages + 1
    assert sum(counts.values()) <= num_pages + 1 + 3 + 1  # robots.txt and its like once, and the page in flight
    assert counts["/robots.txt"] == 1


def is_quiet(site: Site) -> bool:
    num_asked = len(site.log)
    time.sleep(0.3)
    return len(site.log) == num_asked


def wait_until(is_so: Any, seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_frontier_of_other_settings_or_another_landing_is_begun_anew(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/a"), "/a": html(text="a")}
    for depth, num_pages, num_asked in ((0, 1, 1), (0, 1, 1), (1, 2, 3)):
        told.house.landing = None  # as by a kill before it was kept
        told.house.other = told.source(max_depth=depth, max_pages=7 + num_asked)
        assert (told.house.land().rows_out, len(web.paths())) == (num_pages, num_asked)


def test_what_a_crawl_of_another_day_has_is_begun_anew(told: Crawls, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages = {"/": html()}
    told.house.other, now = told.source(), time.time()
    for hours, num_asked in ((0, 1), (23, 1), (25, 2)):
        told.house.landing = None  # as by a kill before it was kept
        monkeypatch.setattr(run.time, "time", partial(float, now + hours * 3600))
        told.house.land()
        assert len(web.paths()) == num_asked


def test_a_body_that_a_kill_left_half_written_is_cut_off(tmp_path: Path) -> None:
    with Frontier(tmp_path) as frontier:
        (tmp_path / "fetched.warc.gz").write_bytes(b"half a member")
        frontier.go_on()
    assert (tmp_path / "fetched.warc.gz").read_bytes() == b""


def test_without_its_libraries_a_crawl_says_which_extra_has_them(told: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == "scrapy" else object())
    with pytest.raises(SettingsError, match=rf"pip install '{run.SCRAPY}', which is the extra 'crawl'"):
        told.land()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["crawl"] == [run.SCRAPY]


def test_what_a_crawl_tells_names_no_address(told: Crawls, web: Web) -> None:
    web.pages = {"/": html("/private-name", "/other")}
    outcome = told.land()
    assert outcome.dropped == {"gone": 2}
    assert "private-name" not in json.dumps([outcome.dropped, outcome.facts])
    assert [one.url for one in read_known(told.landing, "")] == [f"{HOST}/"]


def test_what_is_forgotten_never_comes_back(told: Crawls, web: Web) -> None:
    web.pages = {"/": html(), "/person": html(text="somebody")}
    place = forget_key(told.house.root).of_place("docs", f"{HOST}/person")
    (told.house.root / "state").mkdir(exist_ok=True)
    save_tombstones(told.house.root, [Tombstone("docs", place, (), 0.0)])
    outcome = told.land(seeds=(f"{HOST}/", f"{HOST}/person"))
    assert (set(told.rows()), outcome.dropped) == ({"/"}, {"forgotten": 1})
    assert all(b"person" not in path.read_bytes() for path in told.landing.glob("*.parquet"))
    assert all("person" not in one.url for one in read_known(told.landing, ""))
    assert all("person" not in page.url for page in told.pages())
