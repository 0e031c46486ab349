"""robots.txt as RFC 9309 says, and what owners say of the use of their pages: nothing is asked for against them."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.ingest.crawl.rules import MOST_DELAY_SECONDS, Rules, matches, text_of
from pipeline_lib.ingest.crawl.usage import is_reserved, read_usage, robots_tags, tdm_rules
from tests.crawls import Crawls
from tests.source_nights import House
from tests.texts_of_others import DATA, needs_texts_of_others
from tests.told_web import HOST, Web, html, plain, status
from tests.web_site import Handler, Reply, Site, endless, moved, packed

NO = "User-agent: *\nDisallow: /"
TWICE = "User-agent: nightshift\nDisallow: /a\nUser-agent: other\nDisallow: /b\nUser-agent: nightshift\nDisallow: /c"
SECRET = "User-agent: *\nDisallow: /secret"


def rules(text: str) -> Rules:
    return Rules(text_of(text.encode()))


@pytest.mark.parametrize(
    ("robots", "path", "is_allowed"),
    [
        ("", "/x", True),
        (NO, "/x", False),
        ("User-agent: *\nDisallow:\n", "/x", True),
        ("User-agent: nightshift\nDisallow: /", "/x", False),
        ("USER-AGENT: NightShift\nDISALLOW: /", "/x", False),
        ("User-agent: Nightshift/1.0\nDisallow: /", "/x", False),
        ("User-agent: night\nDisallow: /", "/x", True),  # a part of our name is another's
        ("User-agent: shift\nDisallow: /", "/x", True),
        ("User-agent: nightshift-images\nDisallow: /", "/x", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: nightshift\nAllow: /", "/x", True),  # the named group alone counts
        (TWICE, "/c", False),
        (TWICE, "/b", True),
        ("User-agent: other\nUser-agent: nightshift\nDisallow: /", "/x", False),
        ("User-agent: other\n\n\nUser-agent: nightshift\n\nDisallow: /", "/x", False),  # empty lines end no group
        ("User-agent: other\nSitemap: https://e.example/s.xml\nUser-agent: nightshift\nDisallow: /", "/x", False),
        ("\ufeffUser-agent: *\r\nDisallow: /x # why\r\n", "/x", False),
        ("\ufeffUser-agent: *\rDisallow: /x\r", "/x", False),
        ("<!doctype html><html><body>Not found: Disallow: /</body></html>", "/x", True),
        ("Disallow: /", "/x", True),  # of no group
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),  # of equal length
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf?x", True),
        ("User-agent: *\nDisallow: /a%3cd.html", "/a%3Cd.html", False),
        ("User-agent: *\nDisallow: /ä", "/%C3%A4", False),
        ("User-agent: *\nDisallow: /Up", "/up", True),
        ("User-agent: *\nDisallow: /" + "a*" * 2_000 + "b$", "/" + "a" * 1_900, True),
    ],
)  # fmt: skip
def test_a_path_is_allowed_as_the_rules_for_us_say(robots: str, path: str, is_allowed: bool) -> None:
    assert rules(robots).allows(path) is is_allowed


@needs_texts_of_others("the rules above hold the same")
def test_the_known_cases_come_out_as_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (DATA / "malformed" / "robots_cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        monkeypatch.setattr("pipeline_lib.ingest.crawl.rules.AGENT", case["agent"].lower())
        assert rules(case["robots"]).allows(case["path"]) is case["allowed"], case["name"]


def test_of_a_huge_robots_txt_the_first_500_kib_count_up_to_a_whole_line() -> None:
    filling = "# " + "x" * 61 + "\n"
    head = "User-agent: *\nDisallow: /first\n"
    num = (500 * 1024 - len(head)) // len(filling)
    found = rules(head + filling * num + "Disallow: /much-too-long-to-fit-into-what-is-left-of-it\nDisallow: /late")
    assert (found.allows("/first"), found.allows("/late"), found.allows("/mu")) == (False, True, True)


@pytest.mark.parametrize(
    ("value", "seconds"), [("2.5", 2.5), ("1e9", MOST_DELAY_SECONDS), ("-1", 0), ("soon", 0), ("nan", 0)]
)
def test_a_crawl_delay_counts_up_to_a_cap(value: str, seconds: float) -> None:
    assert rules(f"User-agent: *\nCrawl-delay: {value}").delay_seconds == seconds


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("/", "/a", True), ("/a", "/", False), ("/a$", "/a", True), ("/a$", "/ab", False), ("*", "/", True),
        ("/*", "/x", True), ("*.html$", "/a.html", True), ("/a*b*c", "/axbxc", True), ("/a*b*c", "/axcxb", False),
        ("/a*b$", "/ab/b", True), ("/a*a$", "/a", False), ("/*x*", "/ab", False),
    ],
)  # fmt: skip
def test_a_pattern_matches_as_in_robots_txt(pattern: str, path: str, is_match: bool) -> None:
    assert matches(pattern, path) is is_match


@pytest.mark.parametrize(
    ("value", "reserved"),
    [
        ("train-ai=n", True), ("train-ai=y", False), ("train-genai=n", True), ("bots=n", True), ("search=n", False),
        ("bots=n, train-ai=y", False), ("train-ai=y, train-genai=n", True), ("TRAIN-AI=N", True), ("train-ai=?0", True),
        ('train-ai="n"', True), ("train-ai=n;until=2030", True), ("train-ai", False), ("", False),
        ("ai-train=no", True), ("train-ai=n, =,;;", True),
    ],
)  # fmt: skip
def test_a_content_usage_reserves_what_its_closest_category_says(value: str, reserved: bool) -> None:
    assert is_reserved(read_usage(value)) is reserved


def test_of_usage_rules_the_longest_path_counts_and_of_equal_ones_the_no() -> None:
    found = rules(
        "User-agent: *\nAllow: /\nContent-Usage: train-ai=n\nContent-Usage: /open/ train-ai=y\n"
        "Content-Usage: /open/ bots=n\nContent-Usage: /open/a$ train-ai=y\n\n"
        "User-agent: other\nContent-Usage: /open/a train-ai=n\nContent-Usage: /open/abc train-ai=n"
    )
    said = {path: is_reserved(found.usage_of(path)) for path in ("/", "/open/", "/open/a", "/open/abc")}
    assert said == {"/": True, "/open/": True, "/open/a": False, "/open/abc": True}
    assert is_reserved(rules("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /").usage_of("/"))


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        (["noindex"], {"noindex"}), (["NONE"], {"none", "noindex", "nofollow"}), (["otherbot: noindex"], set()),
        (["nightshift: noindex, nofollow"], {"noindex", "nofollow"}), (["otherbot: noindex", "nofollow"], {"nofollow"}),
        (["otherbot: noindex, nofollow"], set()), (["max-snippet: 3, noindex"], {"max-snippet", "noindex"}),
    ],
)  # fmt: skip
def test_robots_tags_are_those_for_us(values: list[str], tags: set[str]) -> None:
    assert robots_tags(values, "nightshift") - {"", "all"} == tags


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([{"location": "/", "tdm-reservation": 1}], [("/", "1")]),
        (
            [{"location": "/", "tdm-reservation": 1}, {"location": "/a/", "tdm-reservation": "0"}],
            [("/a/", "0"), ("/", "1")],
        ),
        ([{"location": "https://e.example/b/*.pdf$", "tdm-reservation": 1}], [("/b/*.pdf$", "1")]),
        ([{"location": "/"}, {"tdm-reservation": 1}, 7, {"location": 1, "tdm-reservation": 1}], []),
        ({"location": "/"}, []),
    ],
)  # fmt: skip
def test_a_tdmrep_file_says_what_is_reserved_where(told: Any, found: list[tuple[str, str]]) -> None:
    assert tdm_rules(json.dumps(told).encode()) == found


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b'"x"'])
def test_what_is_no_tdmrep_file_says_nothing(body: bytes) -> None:
    assert tdm_rules(body) == []


# By case: what robots.txt answers, and whether the pages / and /secret of its site may be asked for.
ANSWERS: dict[str, tuple[Reply | Handler, set[str]]] = {
    "200": (Reply(SECRET), {"/"}),
    "200 as html": (Reply(SECRET, kind="text/html"), {"/"}),
    "200 with a mark": (Reply("\ufeff" + SECRET), {"/"}),
    "200 empty": (Reply(""), {"/", "/secret"}),
    "200 packed": (packed(SECRET), {"/"}),
    "200 packed, and no gzip": (Reply(SECRET, headers={"Content-Encoding": "gzip"}), set()),
    "200 huge": (Reply(SECRET + "\n# filling" * 200_000 + "\n" + NO), {"/"}),
    "200 packed bomb": (packed(SECRET + "\n" + "# zeros\n" * 3_000_000 + NO), {"/"}),
    "204": (Reply(status=204), {"/", "/secret"}),
    "301": (moved("/robots-moved", 301), {"/"}),
    "308 to nowhere": (moved("ftp://e.example/", 308), set()),
    "302 without a place": (Reply(status=302), set()),
    "302 for ever": (moved("/robots.txt"), set()),
    "304": (Reply(status=304), set()),
    **{str(status): (Reply(NO, status), {"/", "/secret"}) for status in (400, 401, 403, 404, 410, 418, 451)},
    **{str(status): (Reply("User-agent: *\nAllow: /", status), set()) for status in (429, 500, 502, 503, 504, 599)},
    "slow": (endless(b"# x\n", 0.1, "text/plain"), set()),
    "endless": (endless(b"User-agent: *\nDisallow: /secret\n" + b"# x\n" * 200_000, 0.001, "text/plain"), {"/"}),
}  # fmt: skip


def test_whatever_robots_txt_answers_nothing_is_asked_for_against_it(tmp_path: Path, sites: Callable[[], Site]) -> None:
    asked = {name: sites() for name in ANSWERS}
    for name, site in asked.items():
        site.page("/", "/secret")
        site.page("/secret")
        site.pages |= {"/robots.txt": ANSWERS[name][0], "/robots-moved": Reply(SECRET)}
    crawls = Crawls(House(tmp_path), asked["200"])
    own = {"seeds": tuple(site.url() for site in asked.values()), "timeout_seconds": 1.0, "max_depth": 1}
    outcome = crawls.land(**own, allow_private=tuple(site.host for site in asked.values()))
    found = {name: set(site.paths()) & {"/", "/secret"} for name, site in asked.items()}
    assert found == {name: pages for name, (_, pages) in ANSWERS.items()}
    num_silent = sum(not pages for _, pages in ANSWERS.values())
    num_refused = sum(pages == {"/"} for _, pages in ANSWERS.values())
    assert outcome.dropped == {"robots": num_refused, "robots_unreachable": num_silent}


@pytest.mark.parametrize(("num_hops", "is_asked"), [(5, True), (6, False)])
def test_robots_txt_is_looked_for_behind_five_redirects(web: Web, num_hops: int, is_asked: bool) -> None:
    hops = ["/robots.txt", *(f"/r{number}" for number in range(1, num_hops + 1))]
    web.pages = {hop: status(301, Location=after) for hop, after in itertools.pairwise(hops)}
    web.pages = {**web.pages, hops[-1]: plain(SECRET), "/": html("/secret")}
    web.crawl()
    assert ("/" in web.paths(), "/secret" in web.paths()) == (is_asked, False)


def test_pages_that_owners_reserve_are_left_out_and_counted_by_reason(told: Crawls, web: Web) -> None:
    reps = [{"location": "/rep/", "tdm-reservation": 1}, {"location": "/rep/open/", "tdm-reservation": 0}]
    pages = {
        "/open": html(Content_Usage="train-ai=y, search=n"),
        "/search": html(Content_Usage="search=n"),
        "/rep/open/x": html(),
        "/no": html(tdm_reservation="0"),
        "/other-bot": html(X_Robots_Tag="otherbot: noindex"),
        "/signal/x": html(),
        "/rep/x": html(),
        "/usage": html(Content_Usage="bots=y, train-ai=n"),
        "/usage-meta": html(head='<meta name="content-usage" content="train-ai=n">'),
        "/tdm": html(tdm_reservation="1"),
        "/tdm-meta": html(head='<META NAME="TDM-Reservation" CONTENT=" 1 ">'),
        "/noindex": html("/after-noindex", X_Robots_Tag="noindex"),
        "/noindex-meta": html(head='<meta name="nightshift" content="noindex">'),
        "/none": html("/after-none", X_Robots_Tag="none"),
        "/noai": html(head='<meta name="robots" content="noai, noimageai">'),
    }
    web.pages = {
        **pages,
        "/": html(*pages),
        "/after-noindex": html(),
        "/robots.txt": plain("User-agent: *\nAllow: /\nContent-Usage: /signal/ train-ai=n"),
        f"{HOST}/.well-known/tdmrep.json": plain(json.dumps(reps)),
    }
    outcome = told.land()
    rows = told.rows()
    assert set(rows) == {"/", *list(pages)[:5], "/after-noindex"}
    assert outcome.dropped == {"noindex": 3, "reserved_content_usage": 4, "reserved_tdm": 3}
    assert {"/signal/x", "/rep/x", "/after-none"}.isdisjoint(web.paths())
    of = {path: dict(row["metadata"]) for path, row in rows.items()}
    assert of["/open"]["content_usage"] == "search=n, train-ai=y"
    assert (of["/no"]["tdm_reservation"], of["/rep/open/x"]["tdm_reservation"]) == ("0", "0")


def test_links_are_not_followed_where_they_must_not_be(web: Web) -> None:
    web.pages = {
        "/": html("/tag", "/meta", head='<a rel="external nofollow" href="/rel">no</a>'),
        "/tag": html("/behind-tag", X_Robots_Tag="nofollow"),
        "/meta": html("/behind-meta", head='<meta name="robots" content="index, nofollow">'),
    }
    assert set(web.crawl()) == {"/", "/tag", "/meta"}
