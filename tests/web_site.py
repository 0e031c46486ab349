"""A web site of the tests' own: pages by path, odd ones among them, and a log of what was asked of it and when."""

import gzip
import socket
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Handler = Callable[[BaseHTTPRequestHandler], "Reply | None"]


@dataclass(frozen=True)
class Reply:
    """An answer; one without a body says nothing of its length."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """A line of the log."""

    at: float
    until: float
    path: str
    headers: Mapping[str, str]
    host: str
    connection: int


class _Server(ThreadingHTTPServer):
    """Says nothing of who hangs up."""

    def handle_error(self, *_args: object) -> None:
        pass


class Site:
    """Pages by path. What is not there is a 404; a handler answers for itself, or by what it gives."""

    def __init__(self, host: str = "127.0.0.1", *, is_tls: bool = False) -> None:
        self.pages: dict[str, Reply | Handler] = {}
        self.default: Handler | None = None
        self.log: list[Asked] = []
        self._lock = threading.Lock()
        self._server = _Server((host, 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "https" if is_tls else "http"
        if is_tls:
            self._server.socket = _with_own_certificate(self._server.socket)
        self.port = self._server.server_address[1]
        self.host = host

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        """The address of a page."""
        return f"{self._scheme}://{self.address}{path}"

    def page(self, path: str, *links: str, text: str = "", head: str = "", **headers: str) -> None:
        """Put an HTML page there."""
        shown = "".join(f'<a href="{link}">{link}</a>\n' for link in links)
        body = f"<html><head>{head}</head><body><p>{text or 'Page ' + path}</p>\n{shown}</body></html>"
        self.pages[path] = Reply(body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def paths(self) -> list[str]:
        """What was asked for, in order; without robots.txt and its like."""
        own = ("/robots.txt", "/.well-known/", "/sitemap.xml")
        return [one.path for one in self.log if not one.path.startswith(own)]

    def counts(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(one.path for one in self.log)

    def clear(self) -> None:
        """Forget what was asked for."""
        self.log.clear()

    def _handler(site) -> type[BaseHTTPRequestHandler]:  # `self` is the handler's
        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # head and body in one packet

            def do_GET(self) -> None:
                began = time.monotonic()
                try:
                    site._answer(self)
                except OSError:
                    self.close_connection = True
                finally:
                    asked = Asked(
                        began, time.monotonic(), self.path, {k.lower(): v for k, v in self.headers.items()},
                        self.headers.get("Host", ""), self.client_address[1],
                    )  # fmt: skip
                    with site._lock:
                        site.log.append(asked)

            def log_message(self, *_args: object) -> None:
                pass

        return Answering

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        found = self.pages.get(handler.path, self.default)
        reply = found(handler) if callable(found) else found or Reply("not here", 404)
        if reply is not None:
            send(handler, reply)

    def __enter__(self) -> "Site":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send an answer as it should be."""
    body = reply.body.encode() if isinstance(reply.body, str) else reply.body
    handler.send_response(reply.status)
    if reply.kind is not None:
        handler.send_header("Content-Type", reply.kind)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.status not in (204, 304):
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if reply.status not in (204, 304):
        handler.wfile.write(body)


def _with_own_certificate(listening: socket.socket) -> socket.socket:
    """The socket behind TLS, with a certificate that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a site of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write(certificate.public_bytes(pem) + private)
        file.flush()
        context.load_cert_chain(file.name)
    return context.wrap_socket(listening, server_side=True)


def moved(to: str, status: int = 302) -> Reply:
    """A redirect."""
    return Reply("", status, {"Location": to})


def packed(body: bytes | str, coding: str = "gzip") -> Reply:
    """A body in a coding."""
    data = body.encode() if isinstance(body, str) else body
    return Reply(gzip.compress(data), headers={"Content-Encoding": coding})


def endless(piece: bytes, seconds: float, kind: str = "text/html") -> Handler:
    """An answer that goes on for ever, a piece each so many seconds."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(seconds)

    return answer


def conditional(body: str, etag: str = "", modified: str = "") -> Handler:
    """A page that knows its version."""

    def answer(handler: BaseHTTPRequestHandler) -> Reply:
        is_same = (etag and handler.headers.get("If-None-Match") == etag) or (
            modified and handler.headers.get("If-Modified-Since") == modified
        )
        told = {"ETag": etag, "Last-Modified": modified}
        return Reply("" if is_same else body, 304 if is_same else 200, {k: v for k, v in told.items() if v})

    return answer


@contextmanager
def site() -> Iterator[Site]:
    """A site that answers."""
    with Site() as running:
        yield running
