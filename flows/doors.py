"""The doors in front of the apps of Prefect and MLflow: which Host, which Origin, and how a browser gets in to Prefect.

Prefect answers any Host (so a name that an attacker points at 127.0.0.1 reaches it) and lets any page embed its own;
MLflow takes names that begin like private addresses ("10.evil.example") for such, and lets in pages of whatever else
serves some on this machine. An ASGI app stands before each:

- A Host that is neither a name of this machine nor listed is refused with 421; a websocket is closed.
- An Origin that is not the address that was asked is refused with 403, preflights too. So is what a page of another
  origin loads into itself without naming one (an image, a script), which browsers tell by Sec-Fetch-Site.
- Two of these headers are as good as a wrong one: who reads the first and who reads the last do not agree.

Before Prefect, which asks each request of its API for the auth string, it does more:

- Nobody may show these pages in a frame, and they ask nobody else: Prefect's pages tell a service of the web how they
  are used, also where the server's own analytics are off.
- A person who opens a page by another name of this machine (`localhost`) is sent on to the one that links have: a
  browser keeps what it knows (the auth string) by origin.
- GET /enter is a page whose script gives the code behind its `#` to POST /enter, keeps the answer where Prefect's UI
  looks for it, and goes on to the UI. See `flows/access.py`.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from flows.access import ENTER, HOSTS_VARIABLE, Codes

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A Host as RFC 9110 (7.2) has it, as far as names of machines go: no user, no path, no list.
HOST_FORM = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
SCHEMES = ("http://", "https://")  # the second behind a proxy that has a certificate
ELSEWHERE = ("cross-site", "same-site")  # another port of this machine is the same site
MOST_CODE_BYTES = 1000
POLICY_VIOLATION = 1008  # of a websocket
ALONE = [
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'; connect-src 'self'"),
]
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Nightshift</title>
<p id="said">Opening Prefect ...</p>
<script src="/enter.js"></script>
"""
SCRIPT = """(async () => {
  const kept = "prefect-password";
  const code = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  const knows = async () => localStorage.getItem(kept) !== null && (await fetch("/api/admin/version", {
    headers: {authorization: "Basic " + localStorage.getItem(kept)},
  })).ok;
  if (!(await knows())) {
    const answer = await fetch(location.pathname, {method: "POST", body: code});
    if (!answer.ok) {
      document.getElementById("said").textContent = await answer.text();
      return;
    }
    localStorage.setItem(kept, btoa(await answer.text()));
  }
  location.replace("/");
})();
"""
USED = "This link was used in another browser, or is older than a day. `nightshift status` prints a new one.\n"
WRONG_HOST = f"This server answers to no such name. Others than this machine's own are set by {HOSTS_VARIABLE}.\n"
WRONG_ORIGIN = "Pages of other origins may not ask this server.\n"


class Doors:
    """An ASGI app that lets through to another one what its own pages ask, and what no page asks.

    `hosts`: values of Host that are answered besides those of this machine, such as "prefect-server:4200".
    """

    def __init__(self, app: App, *, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.strip().lower() for host in hosts if host.strip())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection. What is neither HTTP nor a websocket (the start of the server) passes."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        headers = dict(given)
        hosts, origins = ([value.lower() for name, value in given if name == wanted] for wanted in (b"host", b"origin"))
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            await _refuse(scope, send, 421, WRONG_HOST)
        elif len(origins) > 1 or not {*origins} <= {scheme + hosts[0] for scheme in SCHEMES} or _is_loaded(headers):
            await _refuse(scope, send, 403, WRONG_ORIGIN)
        else:
            await self._let_in(scope, headers, receive, send)

    def _is_ours(self, host: str) -> bool:
        return _name(host) in LOOPBACK or host in self._hosts

    async def _let_in(self, scope: Message, _headers: dict[bytes, str], receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class PrefectDoors(Doors):
    """The same before Prefect. `auth`: the auth string that the page hands out. `name`: of this machine in links."""

    def __init__(self, app: App, *, auth: str, hosts: Iterable[str] = (), name: str = LOOPBACK[0]) -> None:
        super().__init__(app, hosts=hosts)
        self._shown = name
        self._codes = Codes(auth)

    async def _let_in(self, scope: Message, headers: dict[bytes, str], receive: Receive, send: Send) -> None:
        host = headers.get(b"host", "")
        if _name(host) != self._shown and _name(host) in LOOPBACK and _is_navigation(scope, headers):
            await _send_on(scope, send, self._shown, _port(host))
        elif scope["type"] == "http" and scope["path"] in (ENTER, f"{ENTER}.js"):
            await self._enter(scope, receive, send)
        else:
            await self._app(scope, receive, _alone(send))

    async def _enter(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] != ENTER:
            await answer(send, 200, SCRIPT, "text/javascript")
        elif scope["method"] == "GET":
            await answer(send, 200, PAGE, "text/html")
        elif scope["method"] != "POST":
            await answer(send, 405, "GET or POST.\n")
        elif self._codes.redeem(await _body(receive)):
            await answer(send, 200, self._codes.auth)
        else:
            await answer(send, 403, USED)


def _is_loaded(headers: dict[bytes, str]) -> bool:
    """Whether a page of another origin asks for it, and not a person who follows a link there."""
    return headers.get(b"sec-fetch-site") in ELSEWHERE and headers.get(b"sec-fetch-mode") != "navigate"


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; "" where it is none."""
    found = HOST_FORM.fullmatch(host.lower())
    return "" if found is None else found["address"] or found["name"]


def _port(host: str) -> str:
    found = HOST_FORM.fullmatch(host.lower())
    return "" if found is None else found["port"] or ""


def _is_navigation(scope: Message, headers: dict[bytes, str]) -> bool:
    """Whether a person opens a page there, rather than a program asking."""
    return scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get(b"accept", "")


async def _send_on(scope: Message, send: Send, name: str, port: str) -> None:
    query = scope["query_string"].decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1") + (f"?{query}" if query else "")
    place = f"{scope['scheme']}://{name}{f':{port}' if port else ''}{path}"
    await answer(send, 307, "", more=[(b"location", place.encode("latin-1"))])


async def _body(receive: Receive) -> str:
    """The body of a request, as far as a code may be long."""
    body = b""
    while len(body) <= MOST_CODE_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body[:MOST_CODE_BYTES].decode("latin-1")


async def _refuse(scope: Message, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await answer(send, status, why)


async def answer(
    send: Send,
    status: int,
    text: str,
    kind: str = "text/plain",
    *,
    more: Iterable[tuple[bytes, bytes]] = (),
    styles: str = "'self'",
) -> None:
    """Send a whole response that nobody keeps and nobody frames."""
    headers = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", f"default-src 'self'; style-src {styles}; frame-ancestors 'none'".encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def _alone(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *ALONE]}
        await send(message)

    return sent
