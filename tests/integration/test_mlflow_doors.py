"""Whom a real MLflow server of ours answers: by which names, to pages of which origins, with a password and without."""

import http.client
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from flows.access import basic, mlflow_login
from flows.servers import Server, start_mlflow
from pipeline_lib.model.tracking import place_of
from pipeline_lib.store.workspace import Workspace
from tests.servers_up import answered

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"
CREATE = "/api/2.0/mlflow/experiments/create"
NAME = "night.example"
# What an attacker may let a name of his be called. MLflow takes those of the middle for addresses of a private network.
FOREIGN_HOSTS = (
    "evil.example",
    "10.evil.example",
    "192.168.evil.example",
    "172.16.evil.example",
    "127.0.0.1.evil.example",
)
FOREIGN_ORIGINS = ("http://127.0.0.1:9999", "http://localhost:9999", "https://evil.example", "null")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def plain(workspace: Workspace) -> Iterator[Server]:
    """As `nightshift up` starts it where nobody else has an account."""
    with answered(start_mlflow(workspace, place_of(None, workspace.root).uri)) as started:
        yield started


def status(server: Server, method: str, path: str, headers: Mapping[str, str]) -> int:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    body = '{"name": "made"}' if method == "POST" else None
    connection.request(method, path, body, {"content-type": "application/json", **headers})
    return connection.getresponse().status


@pytest.mark.parametrize("name", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/", SEARCH, "/health"])
def test_it_answers_to_no_name_but_those_of_this_machine(plain: Server, name: str, path: str) -> None:
    port = urlsplit(plain.url).port
    assert status(plain, "GET", path, {"host": f"{name}:{port}"}) == 421
    assert status(plain, "GET", path, {"host": f"localhost:{port}"}) == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize(("method", "path"), [("GET", SEARCH), ("POST", CREATE), ("OPTIONS", CREATE)])
def test_no_page_but_its_own_may_ask_it(plain: Server, origin: str, method: str, path: str) -> None:
    assert status(plain, method, path, {"origin": origin}) == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_own_pages_and_programs_may_through_a_tunnel_too(plain: Server, name: str) -> None:
    """`ssh -L 15000:127.0.0.1:5000`: the browser knows it by another port."""
    for host in (f"{name}:{urlsplit(plain.url).port}", f"{name}:15000"):
        assert status(plain, "GET", SEARCH, {"host": host}) == 200
        assert status(plain, "POST", CREATE, {"host": host, "origin": f"http://{host}"}) in (200, 400)
        assert status(plain, "POST", CREATE, {"host": host, "origin": "http://localhost:9999"}) == 403
    assert status(plain, "POST", CREATE, {}) == 400  # it is there by now


def test_opened_to_others_its_pages_may_ask_it_by_the_name_they_know(workspace: Workspace) -> None:
    place = place_of(None, workspace.root)
    with answered(start_mlflow(workspace, place.uri, asks=True, name=NAME)) as opened:
        host = f"{NAME}:{urlsplit(opened.url).port}"
        own = {"host": host, "origin": f"http://{host}"}
        knowing = basic(mlflow_login(workspace.root))
        create = CREATE.replace("/api/", "/ajax-api/")
        assert status(opened, "POST", create, {**own, **knowing}) in (200, 400)
        assert status(opened, "POST", create, own) == 401
        assert status(opened, "POST", create, {**own, **knowing, "origin": "http://127.0.0.1:9999"}) == 403
        assert status(opened, "GET", SEARCH, {**knowing, "host": f"10.{host}"}) == 421
