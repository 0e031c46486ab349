"""`nightshift try URL`: a page is asked for as the crawler does, and tried as a file is."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tests.tiny_night import english
from tests.web_site import Reply, Site

Captured = pytest.CaptureFixture[str]
ME = ("--contact", "me@example.org")


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No workspace, and a folder of temporary files that can be looked at."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def tried(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["try", *words])
    return int(left.value.code or 0)


def allowed(site: Site) -> tuple[str, ...]:
    return (*ME, "--allow-private", site.address)


def test_a_page_is_fetched_politely_and_tried(site: Site, capsys: Captured, tmp_path: Path) -> None:
    site.page("/a", "/b", text=english(70))
    assert tried(site.url("/a"), "--json", *allowed(site)) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["form"] == "html" and english(70)[:60] in said["text"]
    assert [one.path for one in site.log][:1] == ["/robots.txt"]
    assert site.paths() == ["/a"]  # and not where it leads
    assert all("me@example.org" in one.headers["user-agent"] for one in site.log)
    assert not list((tmp_path / "temporary").iterdir()) and not (tmp_path / ".nightshift").exists()


def test_a_redirect_is_followed_on_its_host(site: Site, capsys: Captured) -> None:
    site.pages["/old"] = Reply(status=301, headers={"Location": "/new"})
    site.page("/new", text=english(71))
    assert tried(site.url("/old"), "--text", *allowed(site)) == 0
    assert english(71)[:60] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("robots", "reply", "said"),
    [
        ("User-agent: *\nDisallow: /", None, "its robots.txt does not let us"),
        ("", Reply(status=404), "there is no such page"),
        ("", Reply(b"\x89PNG", kind="image/png"), "it is no page of text"),
        ("", Reply("<p>x</p>", headers={"X-Robots-Tag": "noindex"}), "it asks not to be kept"),
        ("", Reply("<p>x</p>", headers={"TDM-Reservation": "1"}), "its use for this is reserved"),
        ("", Reply("x" * (5 << 20)), "larger than max_page_bytes"),
        ("", Reply(status=302, headers={"Location": "http://other.example/"}), "it leads to another host"),
    ],
)
def test_what_may_not_be_had_says_why(
    site: Site, robots: str, reply: Reply | None, said: str, capsys: Captured
) -> None:
    site.page("/a", text=english(72))
    if robots:
        site.pages["/robots.txt"] = Reply(robots, kind="text/plain")
    if reply is not None:
        site.pages["/a"] = reply
    assert tried(site.url("/a"), *allowed(site)) == 4
    assert said in capsys.readouterr().err


def test_a_private_address_is_asked_for_only_where_it_is_allowed(site: Site, capsys: Captured) -> None:
    site.page("/a", text=english(73))
    assert tried(site.url("/a"), *ME) == 4
    assert "--allow-private HOST:PORT" in capsys.readouterr().err
    assert site.log == []


@pytest.mark.parametrize(
    ("url", "words", "said"),
    [
        ("http://example.org/", (), "--contact you@example.org"),
        ("http://me:secret@example.org/", ME, "carries a user, a password or another secret"),
        ("http:///a", ME, "is no address of a page"),
        ("http://example.org/", (*ME, "--allow-private", "a b"), "is no host"),
    ],
)
def test_a_wrong_call_says_what_helps_and_asks_nobody(
    url: str, words: tuple[str, ...], said: str, capsys: Captured
) -> None:
    assert tried(url, *words) == 2
    told = capsys.readouterr().err
    assert said in told and "secret@" not in told


def test_contact_and_limits_are_those_of_a_crawl_source(site: Site, capsys: Captured) -> None:
    site.page("/a", text=english(74))
    crawl = [
        {"kind": "crawl", "name": "docs", "seeds": [site.url()], "contact": "bot@example.org",
         "allow_private": [site.address], "seconds_between_requests": 0}
    ]  # fmt: skip
    assert tried(site.url("/a"), "--text", "--ingest.sources", json.dumps(crawl)) == 0
    assert english(74)[:60] in capsys.readouterr().out
    assert all("bot@example.org" in one.headers["user-agent"] for one in site.log)
