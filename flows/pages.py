"""The pages of refreshes on the workspace's own Prefect server: /report?NAME, for who is let in there.

Prefect's UI keeps what lets it in in the browser's storage, and a link carries nothing of it. So the link leads to a
page whose script asks for the page proper with that, and writes it in its place. That one holds no script, and none
would run: its policy allows those of this server alone.
"""

import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from flows.access import basic
from flows.doors import App, Message, Receive, Send, answer

REPORT = "/report"
SCRIPT = f"{REPORT}.js"
NAME = re.compile(r"/report/(?P<name>\d{4}-\d\d-\d\d-\d{6}-[0-9a-f]{8})\.html")
STYLES = "'self' 'unsafe-inline'"  # of the page proper, which is one file
SHELL = f"""<!doctype html>
<meta charset="utf-8">
<title>Nightshift</title>
<p id="said">Opening the page ...</p>
<script src="{SCRIPT}"></script>
"""
ASK = """(async () => {
  const kept = localStorage.getItem("prefect-password");
  const headers = kept === null ? {} : {authorization: "Basic " + kept};
  const answer = await fetch("/report/" + location.search.slice(1) + ".html", {headers});
  const text = await answer.text();
  if (!answer.ok) {
    document.getElementById("said").textContent = text;
    return;
  }
  document.open();
  document.write(text);
  document.close();
})();
"""
NOT_IN = "Open the link to Prefect that `nightshift status` prints first, and then this page again.\n"
GONE = "There is no such page any more. `nightshift report` makes that of the last refresh.\n"


def link_to(page: Path) -> str:
    """A page as a link on that server."""
    return f"{REPORT}?{page.stem}"


class Pages:
    """An ASGI app with the pages before another one. `auth`: `user:password` of who is let in."""

    def __init__(self, app: App, *, auth: str, folder: Path) -> None:
        self._app = app
        self._login = basic(auth)["authorization"].encode()
        self._folder = folder

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection; only what begins as a page is answered here."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
        elif path == REPORT:
            await answer(send, 200, SHELL, "text/html", styles=STYLES)
        elif path == SCRIPT:
            await answer(send, 200, ASK, "text/javascript")
        elif (found := NAME.fullmatch(path)) is not None:
            await self._page(found["name"], scope, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, name: str, scope: Mapping[str, object], send: Send) -> None:
        headers = {key.lower(): value for key, value in scope["headers"]}  # type: ignore[attr-defined]
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._login):
            await answer(send, 401, NOT_IN)
            return
        try:
            text = (self._folder / f"{name}.html").read_text(encoding="utf-8")
        except (OSError, ValueError):
            await answer(send, 404, GONE)
            return
        await answer(send, 200, text, "text/html", styles=STYLES)
