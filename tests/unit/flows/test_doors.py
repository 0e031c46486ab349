"""The doors before Prefect's app: Host, Origin, frames, `localhost`, and the page by which a browser gets in."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from flows.access import ENTER, entry_link
from flows.doors import PrefectDoors

AUTH = "nightshift:" + "s" * 43
US = "127.0.0.1:4200"
OURS = [US, "localhost:4200", "[::1]:4200", "127.0.0.1", "LOCALHOST:9", "prefect-server:4200", "Prefect-Server:4200"]
NOT_OURS = [
    "evil.example",
    "evil.example:4200",
    "127.0.0.1.evil.example:4200",
    "evil.example#127.0.0.1:4200",
    "localhost.evil.example",
    "prefect-server",
    "prefect-server:80",
    "127.0.0.2:4200",
    "0.0.0.0:4200",
    "[::1",
    "",
    "evil.example@127.0.0.1:4200",
    "127.0.0.1/evil.example",
    "127.0.0.1:4200, evil.example",
    "127.0.0.1?:4200",
    "127.0.0.1.:4200",
    "127.0.0.1:",
    "127.0.0.1:x",
    "[127.0.0.1]x",
    "::1",
    "[::ffff:127.0.0.1]:4200",
    "2130706433:4200",
    "0x7f000001:4200",
]
FOREIGN = [
    "https://evil.example",
    "http://127.0.0.1:9999",
    "http://localhost:4200",
    "null",
    "http://127.0.0.1:4200.evil.example",
    "file://",
    f"moz-extension://{US}",
    f"https://evil.example#://{US}",
    f"http://{US} https://evil.example",
    "",
]


async def _behind(scope: Any, _receive: Any, send: Any) -> None:
    """An app that says yes to everything."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(
    doors: PrefectDoors,
    path: str = "/api/flows/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] = {},
    body: str = "",
) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=doors), base_url=f"http://{US}") as client:  # type: ignore[arg-type]
            return await client.request(method, path, headers=dict(headers), content=body)

    return asyncio.run(asked())


def connect(doors: PrefectDoors, headers: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    """What a websocket is answered."""
    said: list[str] = []

    async def send(message: Any) -> None:
        said.append(message["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    given = headers.items() if isinstance(headers, Mapping) else headers
    raw = [(name.encode(), value.encode()) for name, value in given]
    asyncio.run(doors({"type": "websocket", "path": "/api/events/in", "headers": raw}, receive, send))
    return said[0]


@pytest.fixture
def doors() -> PrefectDoors:
    return PrefectDoors(_behind, auth=AUTH, hosts=["prefect-server:4200", ""])


@pytest.mark.parametrize("host", OURS)
def test_names_of_this_machine_and_listed_ones_are_answered(doors: PrefectDoors, host: str) -> None:
    assert ask(doors, headers={"host": host}).text == "inside"
    assert connect(doors, {"host": host}) == "websocket.accept"


@pytest.mark.parametrize("host", NOT_OURS)
def test_no_other_name_is_answered(doors: PrefectDoors, host: str) -> None:
    assert ask(doors, headers={"host": host}).status_code == 421
    assert connect(doors, {"host": host}) == "websocket.close"


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_other_origins_are_refused(doors: PrefectDoors, origin: str, method: str) -> None:
    answer = ask(doors, method=method, headers={"origin": origin})
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
    assert connect(doors, {"host": US, "origin": origin}) == "websocket.close"


@pytest.mark.parametrize("name", ["host", "origin"])
@pytest.mark.parametrize("is_first", [True, False])
def test_two_of_a_header_are_refused_whichever_is_ours(doors: PrefectDoors, name: str, is_first: bool) -> None:
    ours, theirs = (US, "evil.example") if name == "host" else (f"http://{US}", "https://evil.example")
    values = (ours, theirs) if is_first else (theirs, ours)
    raw = [("host", US)] if name == "origin" else []
    assert connect(doors, [*raw, *((name, value) for value in values)]) == "websocket.close"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_foreign_page_loads_without_an_origin_is_refused_and_a_link_is_followed(
    doors: PrefectDoors, site: str
) -> None:
    for mode in ("no-cors", "cors", "websocket"):
        assert ask(doors, headers={"sec-fetch-site": site, "sec-fetch-mode": mode}).status_code == 403
    assert ask(doors, headers={"sec-fetch-site": site, "sec-fetch-mode": "navigate"}).text == "inside"
    for own in ("same-origin", "none"):
        assert ask(doors, headers={"sec-fetch-site": own, "sec-fetch-mode": "cors"}).text == "inside"


def test_pages_of_the_server_itself_are_not(doors: PrefectDoors) -> None:
    assert ask(doors, method="POST", headers={"origin": f"http://{US}"}).text == "inside"
    assert connect(doors, {"host": US, "origin": f"http://{US}"}) == "websocket.accept"


@pytest.mark.parametrize("path", ["/", ENTER])
def test_nobody_shows_a_page_in_a_frame(doors: PrefectDoors, path: str) -> None:
    headers = ask(doors, path).headers
    assert headers["x-frame-options"] == "DENY" and "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_person_at_localhost_is_sent_to_where_a_browser_knows_the_auth_string(
    doors: PrefectDoors,
) -> None:
    asked = {"host": "localhost:4200", "accept": "text/html,*/*"}
    answer = ask(doors, "/runs?page=2", headers=asked)
    assert (answer.status_code, answer.headers["location"]) == (307, f"http://{US}/runs?page=2")
    assert ask(doors, "/api/flows/", headers={"host": "localhost:4200"}).text == "inside"


def test_a_link_hands_out_the_auth_string_once(doors: PrefectDoors) -> None:
    code = entry_link("", AUTH).split("#")[1]
    first, second = (ask(doors, ENTER, method="POST", body=code) for _ in range(2))
    assert (first.status_code, first.text, first.headers["cache-control"]) == (200, AUTH, "no-store")
    assert second.status_code == 403 and "nightshift status" in second.text and AUTH not in second.text


def test_opening_the_page_uses_up_no_link_and_tells_nothing(doors: PrefectDoors) -> None:
    page, script = ask(doors, ENTER), ask(doors, f"{ENTER}.js")
    assert page.headers["content-type"].startswith("text/html")
    assert script.headers["content-type"].startswith("text/javascript")
    assert AUTH not in page.text + script.text


@pytest.mark.parametrize("body", ["", "x", "x" * 100_000])
def test_without_a_code_the_page_gives_nothing(doors: PrefectDoors, body: str) -> None:
    assert ask(doors, ENTER, method="POST", body=body).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_the_page_is_opened_or_sent_a_code(doors: PrefectDoors, method: str) -> None:
    assert ask(doors, ENTER, method=method).status_code == 405
