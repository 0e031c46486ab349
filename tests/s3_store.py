"""A store of S3 for tests: moto's server, and before it a door that keeps a log and fails when it is told to.

with S3Store() as store:
    store.put("docs/a.txt", b"...")
    store.fail("GET", "docs/a.txt", 403, "AccessDenied")      every time, or `times` times
"""

import http.client
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

BUCKET = "texts"
USER = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_EC2_METADATA_DISABLED": "true"}
HOP = {"transfer-encoding", "connection", "content-length", "server", "date"}


@dataclass
class Fault:
    """What is answered in place of the store."""

    command: str
    begin: str  # of "docs/a.txt", or "?" for a listing
    status: int
    code: str
    times: int
    region: str = ""


@dataclass
class S3Store:
    """A bucket by name of its objects, and what was asked of it."""

    log: list[str] = field(default_factory=list)  # "GET docs/a.txt", "GET ?" for a listing
    faults: list[Fault] = field(default_factory=list)
    cut_at: int | None = None  # a body ends after so many bytes, once
    pause_seconds: float = 0.0  # before each answer
    pages: list[bytes] = field(default_factory=list)  # listings, in place of the store's

    def __enter__(self) -> "S3Store":
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self._behind = self._moto.get_host_and_port()
        self._door = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._door.daemon_threads = True
        threading.Thread(target=self._door.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._door.server_address[1]}"
        self._client().create_bucket(Bucket=BUCKET)
        self.empty()  # what lies in it is that of all stores of this process
        return self

    def __exit__(self, *_exc: object) -> None:
        self._door.shutdown()
        self._door.server_close()
        self._moto.stop()

    def _client(self) -> Any:
        import boto3

        host, port = self._behind
        keys = {"aws_access_key_id": "user", "aws_secret_access_key": "s3cret", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)

    def put(self, key: str, body: bytes | str, rights: str = "private") -> None:
        """Write an object."""
        self._client().put_object(Bucket=BUCKET, Key=key, Body=body, ACL=rights)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self._client().delete_object(Bucket=BUCKET, Key=key)

    def empty(self) -> None:
        """Remove all of them, and forget all that was told and asked."""
        client = self._client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for one in page.get("Contents", ()):
                client.delete_object(Bucket=BUCKET, Key=one["Key"])
        self.log, self.faults, self.cut_at, self.pause_seconds, self.pages = [], [], None, 0.0, []

    def fail(self, command: str, begin: str, status: int, code: str = "", *, times: int = 99, region: str = "") -> None:
        """Answer so to what begins so, so often."""
        self.faults.append(Fault(command, begin, status, code, times, region))

    def fetched(self) -> list[str]:
        """The keys of which bytes were asked for, each once, in order."""
        return sorted({line.removeprefix("GET ") for line in self.log if line.startswith("GET ") and line != "GET ?"})

    def _handler(store) -> type[BaseHTTPRequestHandler]:  # `self` is the handler's
        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def do_GET(self) -> None:
                store._answer(self)

            def do_HEAD(self) -> None:
                store._answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        return Answering

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        what = "?" if "list-type" in parts.query else key
        self.log.append(f"{handler.command} {what}")
        time.sleep(self.pause_seconds)
        for fault in self.faults:
            if fault.times and fault.command == handler.command and what.startswith(fault.begin):
                fault.times -= 1
                told = {"x-amz-bucket-region": fault.region} if fault.region else {}
                return _send(handler, fault.status, _error(fault.code), told)
        if what == "?" and self.pages:
            return _send(handler, 200, self.pages.pop(0), {"Content-Type": "application/xml"})
        self._pass_on(handler)

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        connection = http.client.HTTPConnection(*self._behind)
        connection.request(handler.command, handler.path, headers=dict(handler.headers))
        answer = connection.getresponse()
        body = answer.read()
        told = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        length = answer.getheader("content-length") if handler.command == "HEAD" else None
        cut = self.cut_at if handler.command == "GET" and len(body) > (self.cut_at or len(body)) else None
        self.cut_at = None if cut is not None else self.cut_at
        _send(handler, answer.status, body, told, length, cut)
        connection.close()


def _error(code: str) -> bytes:
    told = f"<Error><Code>{code}</Code><Message>of {BUCKET}</Message></Error>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{told}'.encode() if code else b""


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    told: dict[str, str],
    length: str | None = None,
    cut: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in told.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", length or str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body[:cut])
        handler.close_connection = cut is not None


@contextmanager
def s3_store() -> Iterator[S3Store]:
    """A store that answers."""
    with S3Store() as store:
        yield store
