"""A hub of the tests' own: datasets by name, with commits, and a log of what was asked of it.

It answers the few questions that a dataset is fetched by: what a revision is, what lies in it, and a file's head and
bytes, in ranges too.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 2  # entries of a listing in one answer


@dataclass
class Dataset:
    """A repository: its commits, each all files of that time, and its branches."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    large: frozenset[str] = frozenset()  # names of files that lie in the large store
    token: str = ""  # that has to be shown
    is_gated: bool = False

    def commit(self, files: Mapping[str, bytes | str], branch: str = "main") -> str:
        """Commit these files, and no others."""
        held = {name: one.encode() if isinstance(one, str) else one for name, one in files.items()}
        name = hashlib.sha1(repr((sorted(held.items()), len(self.commits))).encode()).hexdigest()
        self.commits[name], self.branches[branch] = held, name
        return name

    def digest(self, name: str, data: bytes) -> str:
        """As the hub has it."""
        if name in self.large:
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class HubSite:
    """Datasets by name. `faults` says which status is answered, how often, to what begins with a path."""

    def __init__(self) -> None:
        self.datasets: dict[str, Dataset] = {}
        self.log: list[str] = []  # "GET /path", in order
        self.faults: dict[str, tuple[int, int]] = {}
        self.cut_at: int | None = None  # a body ends after so many bytes, once
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "HubSite":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fetched(self) -> list[str]:
        """The files whose bytes were asked for."""
        return [
            path.partition("/resolve/")[2].partition("/")[2] for path in self.log if path.startswith("GET /datasets/")
        ]

    def _handler(site) -> type[BaseHTTPRequestHandler]:  # `self` is the handler's
        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site._answer(self)

            def do_HEAD(self) -> None:
                site._answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        return Answering

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        self.log.append(f"{handler.command} {path}")
        for begin, (status, num_left) in self.faults.items():
            if path.startswith(begin) and num_left:
                self.faults[begin] = status, num_left - 1
                return _send(handler, status, b"{}")
        kind, _, rest = path.removeprefix("/api").lstrip("/").partition("/")
        name = next((one for one in self.datasets if rest.startswith(f"{one}/")), "")
        if kind != "datasets" or not name:
            return _refuse(handler, 404, "RepoNotFound")
        dataset, (what, _, rest) = self.datasets[name], rest[len(name) + 1 :].partition("/")
        if dataset.token and handler.headers.get("Authorization") != f"Bearer {dataset.token}":
            return _refuse(handler, *((403, "GatedRepo") if dataset.is_gated else (401, "RepoNotFound")))
        revision, _, inner = rest.partition("/")
        commit = dataset.branches.get(revision, revision)
        if commit not in dataset.commits:
            return _refuse(handler, 404, "RevisionNotFound")
        if what == "resolve":
            return self._resolve(handler, dataset, commit, inner)
        if what == "tree":
            return self._tree(handler, dataset, commit)
        told = {"id": name, "sha": commit, "cardData": dataset.card, "tags": [], "siblings": []}
        _send(handler, 200, json.dumps(told).encode())

    def _tree(self, handler: BaseHTTPRequestHandler, dataset: Dataset, commit: str) -> None:
        start = int(parse_qs(urlsplit(handler.path).query).get("cursor", ["0"])[0])
        entries = []
        for name, data in sorted(dataset.commits[commit].items()):
            digest = dataset.digest(name, data)
            entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": digest}
            if name in dataset.large:
                entry |= {"oid": "0" * 40, "lfs": {"oid": digest, "size": len(data), "pointerSize": 134}}
            entries.append(entry)
        more = start + PAGE < len(entries)
        link = {"Link": f'<{self.url}{urlsplit(handler.path).path}?cursor={start + PAGE}>; rel="next"'} if more else {}
        _send(handler, 200, json.dumps(entries[start : start + PAGE]).encode(), link)

    def _resolve(self, handler: BaseHTTPRequestHandler, dataset: Dataset, commit: str, name: str) -> None:
        data = dataset.commits[commit].get(name)
        if data is None:
            return _refuse(handler, 404, "EntryNotFound")
        told = {"ETag": f'"{dataset.digest(name, data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        first = handler.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        status = 206 if first else 200
        if first:
            told["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        cut = self.cut_at if handler.command == "GET" else None
        self.cut_at = None if cut is not None else self.cut_at
        _send(handler, status, data[int(first or 0) :], told, cut)


def _refuse(handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
    _send(handler, status, b'{"error": "no"}', {"X-Error-Code": code, "X-Error-Message": "no"})


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    told: Mapping[str, str] | None = None,
    cut: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(told or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body[:cut])
        handler.close_connection = cut is not None
