"""Which addresses a crawl asks for: budgets, redirects, traps, hosts that fail, and how each address ends."""

import time
from pathlib import Path

import pytest

from pipeline_lib.ingest.crawl import judged, pace, scope, visits
from pipeline_lib.ingest.crawl.fetch import Answer
from pipeline_lib.ingest.crawl.found import Found
from pipeline_lib.ingest.crawl.frontier import Frontier
from pipeline_lib.ingest.crawl.judged import Judged
from pipeline_lib.ingest.crawl.pace import retry_after
from pipeline_lib.ingest.crawl.scope import Scope, trap_in
from tests.told_web import HOST, Web, html, status


def endless(url: str) -> Answer:
    """A page that links to ten others that nobody has seen."""
    return html(*(f"{url}x{number}" for number in range(10)), text=url)


@pytest.mark.parametrize(
    ("budget", "most"),
    [({"max_pages": 7}, 7), ({"max_bytes": 2_000}, 5), ({"max_depth": 1}, 11), ({"max_depth": 0}, 1)],
)
def test_a_web_without_end_is_crawled_as_far_as_the_budget_goes(web: Web, budget: dict[str, int], most: int) -> None:
    web.otherwise = endless
    ends = web.crawl(**budget)
    assert 0 < len(web.paths()) <= most
    assert list(ends.values()).count("landed") == len(web.paths())


def test_a_crawl_ends_when_its_minutes_are_over(web: Web) -> None:
    web.otherwise = endless
    ends = web.crawl(seconds_between_requests=0.3, max_minutes=1 / 60)
    assert {"landed", ""} == set(ends.values())
    assert len(web.paths()) <= 4


def test_what_is_nearest_to_the_seeds_is_asked_for_first(web: Web) -> None:
    web.pages = {"/": html("/a", "/b"), "/a": html("/a/a"), "/b": html("/b/b")}
    web.crawl()
    assert web.paths() == ["/", "/a", "/b", "/a/a", "/b/b"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_each_hop_of_a_redirect_is_an_address_of_its_own(web: Web, code: int) -> None:
    web.pages = {"/": status(code, Location="/a"), "/a": status(code, Location="b#part"), "/b": html()}
    assert web.crawl() == {"/": "moved", "/a": "moved", "/b": "landed"}


@pytest.mark.parametrize(("num_hops", "end"), [(5, "landed"), (6, "too_many_redirects"), (40, "too_many_redirects")])
def test_at_most_five_redirects_in_a_row_are_followed(web: Web, num_hops: int, end: str) -> None:
    pages = {f"/{number}": status(302, Location=f"/{number + 1}") for number in range(num_hops)}
    web.pages = {**pages, f"/{num_hops}": html()}
    ends = web.crawl(seeds=(f"{HOST}/0",))
    assert ends[f"/{min(num_hops, 6)}"] == end
    assert len(web.paths()) == min(num_hops, 5) + 1


@pytest.mark.parametrize(
    ("location", "end"),
    [("/", "moved"), ("", "bad_redirect"), ("ftp://e.example/", "bad_redirect"), ("file:///etc/passwd", "bad_redirect"),
     ("javascript:alert(1)", "bad_redirect"), ("http://user:pw@e.example/", "bad_redirect"),
     ("http://[", "bad_redirect"), ("/" + "a" * 3_000, "url_too_long"), ("http://other.example/", "moved")],
)  # fmt: skip
def test_a_redirect_that_leads_nowhere_ends_there(web: Web, location: str, end: str) -> None:
    web.pages = {"/": status(302, Location=location)}
    ends = web.crawl()
    assert ends["/"] == end
    assert web.paths() == ["/"]
    assert "landed" not in ends.values()


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (status(404), "gone"), (status(410), "gone"), (status(451), "gone"), (status(401), "forbidden"),
        (status(403), "forbidden"), (status(204), "no_content"), (status(304), "failed"), (status(400), "failed"),
        (status(206), "failed"), (status(100), "failed"), (status(999), "failed"),
        (Answer(fault="too_large"), "too_large"),
        (Answer(fault="private_address"), "private_address"), (Answer(200, is_unwanted=True), "not_text"),
        (Answer(200, (("Content-Type", "text/plain"),), b"\0\1\2"), "not_text"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_page_is_asked_for_once_and_counted(web: Web, answer: Answer, end: str) -> None:
    web.pages = {"/": answer}
    assert (web.crawl(), web.paths()) == ({"/": end}, ["/"])


@pytest.mark.parametrize(
    ("answer", "end"),
    [(status(500), "failed"), (status(503), "failed"), (status(429), "failed"), (Answer(fault="timeout"), "timeout"),
     (Answer(fault="unreachable"), "unreachable")],
)  # fmt: skip
def test_what_may_pass_is_asked_for_three_times_ever_more_slowly(
    web: Web, monkeypatch: pytest.MonkeyPatch, answer: Answer, end: str
) -> None:
    slept = waits(monkeypatch)
    web.pages = {"/": answer}
    assert (web.crawl(), web.paths()) == ({"/": end}, ["/"] * 3)
    paused = [seconds for seconds in slept if seconds > 0.01]
    assert len(paused) >= 2
    assert paused == sorted(paused)


def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the crawl sleeps for, which passes at once."""
    slept, now = list[float](), [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(pace, "asyncio", type("Asleep", (), {"sleep": sleep, "Lock": pace.asyncio.Lock}))
    monkeypatch.setattr(pace, "time", type("Clock", (), {"monotonic": lambda: now[0]}))
    return slept


def test_a_retry_after_is_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = waits(monkeypatch)
    answers = iter([status(429, Retry_After="120"), html()])
    web.pages = {"/": lambda _url: next(answers)}
    assert web.crawl() == {"/": "landed"}
    assert [seconds for seconds in slept if seconds >= 100] == [120.0]


def test_a_host_that_asks_for_hours_is_left_for_tonight(web: Web) -> None:
    web.pages = {"/": html("/a", "/b", "/c"), "/a": status(503, Retry_After="86400")}
    assert web.crawl() == {"/": "landed", "/a": "host_left", "/b": "host_left", "/c": "host_left"}
    assert web.paths() == ["/", "/a"]


def test_a_host_that_only_fails_is_left_for_tonight(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    waits(monkeypatch)
    web.pages = {"/": html(*(f"/{number}" for number in range(100)))}
    web.otherwise = lambda _url: status(500)
    ends = web.crawl()
    assert len(web.paths()) == 1 + pace.MOST_FAILURES
    assert list(ends.values()).count("host_left") > 90


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("Thu, 01 Jan 1970 00:02:00 GMT", 60.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
     ("", 0.0), ("soon", 0.0), ("-5", 0.0), ("1e5", 0.0), ("9" * 400, 999_999_999.0), ("٣", 0.0)],
)  # fmt: skip
def test_a_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after(value, now=60.0) == seconds


@pytest.mark.parametrize(
    "path",
    ["/a" * 30, "/x/x/x/x", "/a/b/a/b/a/b/a/b", "/a?" + "&".join(f"p{n}=1" for n in range(9)), "/?a=1&a=2&a=3&a=4"],
)
def test_an_address_that_repeats_itself_looks_like_a_trap(path: str) -> None:
    assert trap_in(f"{HOST}{path}") == "trap"


@pytest.mark.parametrize(
    "path", ["/", "/a/b/c/d/e", "/2024/05/13/a-day", "/w/index.php?title=A&action=history", "/x/x/x"]
)
def test_an_ordinary_address_is_no_trap(path: str) -> None:
    assert trap_in(f"{HOST}{path}") is None


@pytest.mark.parametrize(
    ("addresses", "most"),
    [
        ([f"/calendar/{1900 + n // 12}/{n % 12 + 1}" for n in range(3_000)], scope.MOST_DAYS),
        ([f"/calendar?year={1900 + n // 12}&month={n % 12 + 1}" for n in range(3_000)], scope.MOST_QUERIES),
        ([f"/list?sort={n}" for n in range(1_000)], scope.MOST_QUERIES),
        ([f"/article/{n}" for n in range(3_000)], 3_000),
    ],
)
def test_what_grows_like_a_calendar_or_by_queries_is_cut_and_counted(
    tmp_path: Path, addresses: list[str], most: int
) -> None:
    with Frontier(tmp_path) as frontier:
        assert frontier.add(Found(f"{HOST}{path}", 1) for path in addresses) == most
        assert frontier.counts().get("trap", 0) == len(addresses) - most


def test_one_body_under_ever_more_addresses_ends_its_shape(web: Web) -> None:
    first, later = ([f"/s/{number}" for number in numbers] for numbers in (range(30), range(30, 90)))
    web.otherwise = lambda _url: html(text="no such session")
    web.pages = {"/": html(*first, "/s/x"), "/s/x": html(*later, text="more")}
    assert list(web.crawl().values()).count("landed") == 2 + len(first)
    assert web.counts == {"trap": len(later)}


@pytest.mark.parametrize(
    ("allow", "deny", "url", "is_in"),
    [
        (["e.example"], [], "http://e.example/a?b", True),
        (["e.example"], [], "https://e.example:8443/", True),
        (["e.example:80"], [], "http://e.example:8080/", False),
        (["e.example:8080"], [], "http://e.example:8080/", True),
        (["e.example"], [], "http://www.e.example/", False),
        (["e.example"], [], "http://evil-e.example/", False),
        (["e.example"], [], "http://e.example.evil/", False),
        (["*.e.example"], [], "http://www.e.example/", True),
        (["*.e.example"], [], "http://e.example/", False),
        (["https://E.example/docs/"], [], "http://e.example/docs/x", True),
        (["e.example/docs/"], [], "http://e.example/blog", False),
        (["e.example/*.html$"], [], "http://e.example/a/b.html", True),
        (["e.example/*.html$"], [], "http://e.example/a/b.html?x", False),
        (["e.example"], ["/tag/"], "http://e.example/tag/x", False),
        (["e.example"], ["e.example/a"], "http://e.example/b", True),
        (["e.example", "f.example"], ["f.example/"], "http://f.example/b", False),
        (["[::1]:80"], [], "http://[::1]/", False),
        (["[::1]"], [], "http://[::1]/", True),
        (["bücher.example"], [], "http://xn--bcher-kva.example/", True),
    ],
)
def test_the_scope_is_what_is_allowed_and_not_denied(allow: list[str], deny: list[str], url: str, is_in: bool) -> None:
    assert Scope(allow, deny).has(url) is is_in


def test_nothing_outside_of_the_scope_is_known_or_asked_for(web: Web) -> None:
    web.pages = {"/": html("http://other.example/", "/a", "/tag/x"), "/a": status(302, Location="/tag/y")}
    ends = web.crawl(deny=("/tag/",))
    assert ends == {"/": "landed", "/a": "moved", "/tag/y": "out_of_scope"}
    assert web.paths() == ["/", "/a"]


def test_hosts_are_visited_side_by_side_and_each_one_request_at_a_time(tmp_path: Path) -> None:
    flying, most = dict[str, int](), dict[str, int]()

    class Slow(Web):
        async def fetch(self, url: str, **more: object) -> Answer:  # type: ignore[override]
            import asyncio

            host = url.split("/")[2]
            flying[host] = flying.get(host, 0) + 1
            most[host] = max(most.get(host, 0), flying[host])
            most["all"] = max(most.get("all", 0), sum(flying.values()))
            await asyncio.sleep(0.01)
            flying[host] -= 1
            return await Web.fetch(self, url)

    web = Slow(tmp_path, otherwise=endless)
    hosts = [f"h{number}.example" for number in range(5)]
    web.crawl(seeds=tuple(f"http://{host}/" for host in hosts), allow=hosts, max_pages=60)
    assert {most[host] for host in hosts} == {1}
    assert most["all"] > 1


def test_the_limits_are_what_was_agreed() -> None:
    assert (visits.MOST_HOPS, visits.MOST_TRIES, pace.MOST_DELAY_SECONDS) == (5, 3, 60.0)


def test_a_page_that_nobody_foresaw_costs_itself(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(url: str, *more: object) -> Judged:
        if url.endswith("/odd"):
            raise RecursionError
        return judged.judge(url, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(visits, "judge", judge)
    web.pages = {"/": html("/odd", "/a"), "/odd": html(), "/a": html()}
    assert web.crawl() == {"/": "landed", "/odd": "failed", "/a": "landed"}


def test_an_address_that_each_time_kills_the_process_is_left(web: Web) -> None:
    web.pages = {"/": html()}
    with Frontier(web.folder) as frontier:
        frontier.add([Found(f"{HOST}/", 0), Found(f"{HOST}/a", 0)])
        for _ in range(visits.MOST_TRIES):
            assert frontier.take("e.example").url == f"{HOST}/"  # type: ignore[union-attr]
            frontier.go_on()  # what the next process does
    assert web.crawl() == {"/": "failed", "/a": "gone"}


def test_the_budget_of_pages_holds_over_all_hosts(tmp_path: Path) -> None:
    web = Web(tmp_path, otherwise=endless)
    hosts = [f"h{number}.example" for number in range(9)]
    web.crawl(seeds=tuple(f"http://{host}/" for host in hosts), allow=hosts, max_pages=20)
    assert len(web.paths()) == 20


def test_a_step_of_a_crawl_takes_no_longer_with_many_addresses_than_with_few(tmp_path: Path) -> None:
    def cpu_seconds(num_known: int) -> float:
        with Frontier(tmp_path / str(num_known)) as frontier:
            frontier.add(Found(f"{HOST}/{number}/x{number}", 1) for number in range(num_known))
            began = time.process_time()
            for number in range(200):
                page = frontier.take("e.example")
                assert page is not None
                frontier.done(page, "landed", member=b"x", num_bytes=1, about={"body": str(number)})
            return time.process_time() - began

    assert cpu_seconds(20_000) < 5 * cpu_seconds(500)
