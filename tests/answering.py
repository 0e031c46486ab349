"""A web server of this process that only answers: what stands at an address, and is not ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


class Healthy(BaseHTTPRequestHandler):
    """All is well, whatever is asked."""

    def do_GET(self) -> None:
        """See `BaseHTTPRequestHandler`."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(how: type[BaseHTTPRequestHandler] = Healthy) -> Iterator[str]:
    """The address of such a server, while the block lasts."""
    with HTTPServer(("127.0.0.1", 0), how) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
