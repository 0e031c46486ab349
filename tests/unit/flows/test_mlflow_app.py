"""The page before MLflow's app that lets a browser in by a link with a login."""

import asyncio
from typing import Any

import httpx
import pytest

from flows.access import ENTER, basic
from flows.mlflow_app import Entered

LOGIN = "nightshift:secret"
US = "127.0.0.1:5000"


async def _behind(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(path: str, headers: dict[str, str]) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=Entered(_behind, LOGIN))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{US}") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(asked())


def test_with_the_login_it_sends_on_to_the_page_without_it() -> None:
    answer = ask(f"{ENTER}?page=experiments/1%3FworkflowType%3Dmachine_learning", basic(LOGIN))
    place = f"http://{US}/#/experiments/1?workflowType=machine_learning"
    assert (answer.status_code, answer.headers["location"]) == (303, place)


@pytest.mark.parametrize("headers", [{}, basic("nightshift:guessed"), {"authorization": "Bearer secret"}, basic("x")])
def test_without_it_a_browser_is_asked_as_mlflow_asks(headers: dict[str, str]) -> None:
    answer = ask(ENTER, headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="mlflow"')


@pytest.mark.parametrize("page", ["//evil.example/", "https://evil.example", "/%0d%0aset-cookie:x"])
def test_it_sends_on_to_its_own_pages_only(page: str) -> None:
    answer = ask(f"{ENTER}?page={page}", basic(LOGIN))
    assert answer.headers["location"].startswith(f"http://{US}/#/") and "set-cookie" not in answer.headers
    assert "\n" not in answer.headers["location"]


def test_all_else_is_mlflow() -> None:
    assert ask("/", {}).text == ask(f"{ENTER}s", {}).text == "inside"
