"""MLflow's server as we start it: `mlflow server --app-name nightshift`.

It is MLflow's own app behind our doors (`flows/doors.py`). Where it asks for a password, it has basic authentication,
and a page that lets a browser in by a link which carries the login. MLflow's pages cannot do that themselves: a page
whose address holds a login may not ask its own server for anything. So the link leads to ENTER, which asks for the
login as MLflow does, and sends on to an address without it; from then on the browser answers by itself. (A cookie would
go to every port of this machine, a login of HTTP does not.)
"""

import base64
import hmac
import os
from typing import Any
from urllib.parse import parse_qs, quote

from flows.access import ENTER
from flows.doors import App, Doors, Message, Receive, Send, answer

CHALLENGE = (b"www-authenticate", b'Basic realm="mlflow"')  # as MLflow itself asks, so that a browser is asked once
IN_A_PAGE = "/?=&"  # of its address, beside letters and digits
USER, PASSWORD = "MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD"


def create_app() -> Doors:
    """MLflow's app behind the doors, with authentication where the environment has a password for it.

    The doors answer to the names of `--allowed-hosts`, as MLflow does; not to its patterns, of which they need none.
    """
    hosts = os.environ.get("MLFLOW_SERVER_ALLOWED_HOSTS", "").split(",")
    return Doors(_app(), hosts=[host for host in hosts if "*" not in host])


def _app() -> App:
    app: Any
    if PASSWORD not in os.environ:
        from mlflow.server.fastapi_app import app

        return app  # type: ignore[no-any-return]
    from mlflow.server.auth import create_app as behind

    app = behind()
    return Entered(app, f"{os.environ[USER]}:{os.environ[PASSWORD]}")


class Entered:
    """An ASGI app with GET /enter?page=PAGE before another one. `login`: `user:password`."""

    def __init__(self, app: App, login: str) -> None:
        self._app = app
        self._login = base64.b64encode(login.encode())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection; only requests for the page are answered here."""
        if scope["type"] != "http" or scope["path"] != ENTER:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"basic" or not hmac.compare_digest(given.strip(), self._login):
            await answer(send, 401, "Open the link that `nightshift status` prints.\n", more=[CHALLENGE])
            return
        page = parse_qs(scope["query_string"].decode("latin-1")).get("page", [""])[0]
        server = f"{scope['scheme']}://{headers.get(b'host', b'').decode('latin-1')}"
        place = f"{server}/#/{quote(page.lstrip('/'), safe=IN_A_PAGE)}"
        await answer(send, 303, "", more=[(b"location", place.encode())])
