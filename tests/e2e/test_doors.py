"""Who may talk to the Prefect server of `nightshift up`: not another page of the user's browser, not another program.

With the auth string a client can do what Prefect lets clients do; even then no run says which command is run.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from flows.access import auth_string, basic, mlflow_login
from tests.browser import browser, new_page
from tests.servers_up import Up, up
from tests.tiny_night import nightshift, write_corpus

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ATTACKS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "command": ("POST", "/deployments/{id}/create_flow_run", {"job_variables": {"command": "touch {marker}"}}),
    "env": ("POST", "/deployments/{id}/create_flow_run", {"job_variables": {"env": {"PYTHONSTARTUP": "{marker}"}}}),
    "working_dir": ("POST", "/deployments/{id}/create_flow_run", {"job_variables": {"working_dir": "/"}}),
    "pull_steps": ("PATCH", "/deployments/{id}", {"pull_steps": [{"prefect.deployments.steps.run_shell_script": {}}]}),
    "entrypoint": ("PATCH", "/deployments/{id}", {"entrypoint": "{marker}:flow"}),
    "pool": ("PATCH", "/work_pools/nightshift", {"base_job_template": {}}),
    "a run": ("POST", "/deployments/{id}/create_flow_run", {"state": {"type": "SCHEDULED"}}),
    "a look": ("POST", "/deployments/filter", {}),
}
MLFLOW_PATHS = ("/", "/api/2.0/mlflow/experiments/search?max_results=1", "/ajax-api/2.0/mlflow/experiments/search")
OF_THE_JOB = ("command", "env", "working_dir")  # what the template of the pool has no place for
# What a page can try from afar: a plain request, one that asks first, one that hides its answer, a form, a frame.
HOSTILE = """async ([target, method, path, body]) => {
  const tried = async (options) => {
    try {
      const answer = await fetch(target + path, {method, body: JSON.stringify(body), ...options});
      return answer.type === "opaque" ? "unseen" : String(answer.status);
    } catch (error) { return "refused"; }
  };
  const socket = new Promise((done) => {
    const opened = new WebSocket(target.replace("http", "ws") + "/api/events/in", "prefect");
    opened.onopen = () => done("open");
    opened.onclose = () => done("refused");
  });
  const form = document.createElement("form");
  form.method = "POST"; form.action = target + path; form.target = "inner"; form.enctype = "text/plain";
  form.innerHTML = "<input name='{\\"state\\": {\\"type\\": \\"SCHEDULED\\"}, \\"x\\": \\"' value='\\"}'>";
  const frame = document.createElement("iframe");
  frame.name = "inner";
  document.body.append(frame, form);
  form.submit();
  return {
    json: await tried({headers: {"content-type": "application/json"}}),
    plain: await tried({headers: {"content-type": "text/plain"}, mode: "no-cors"}),
    knowing: await tried({headers: {"authorization": "Basic eA==", "content-type": "application/json"}}),
    socket: await socket,
  };
}"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    root = tmp_path_factory.mktemp("doors")
    corpus = write_corpus(root / "corpus")
    with up(root / "workspace", corpus, "--prefect-port", "0", "--mlflow-port", "0", "--mlflow-login") as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of a page of somebody else on this machine."""
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Elsewhere</title><body>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def send(servers: Up, attack: str, marker: Path, headers: Mapping[str, str]) -> int:
    """Try it over HTTP; the status of the answer."""
    deployment = servers.prefect("/deployments/name/nightly/nightly")["id"]
    method, path, body = ATTACKS[attack]
    text = json.dumps(body).replace("{marker}", str(marker))
    connection = http.client.HTTPConnection(urlsplit(servers.prefect_url).netloc, timeout=30)
    connection.request(
        method, f"/api{path.format(id=deployment)}", text, {"content-type": "application/json", **headers}
    )
    return connection.getresponse().status


def as_found(servers: Up) -> Any:
    """What an attack would change: the deployments, the pool, and the runs somebody asked for."""
    deployments = servers.prefect("/deployments/filter", {})
    asked = {"flow_runs": {"state": {"name": {"not_any_": ["Scheduled"]}}}}
    return (
        [(one["name"], one["entrypoint"], one["pull_steps"], one["job_variables"]) for one in deployments],
        servers.prefect("/work_pools/nightshift")["base_job_template"],
        servers.prefect("/flow_runs/filter", asked),
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_without_the_auth_string_nobody_does_anything(servers: Up, attack: str, tmp_path: Path) -> None:
    before = as_found(servers)
    csrf = {name: value for name, value in servers.as_client(writes=True).items() if name != "authorization"}
    for headers in ({}, csrf, {**csrf, **basic("nightshift:guessed")}, {**csrf, "authorization": "Bearer x"}):
        assert send(servers, attack, tmp_path / "ran", headers) in (401, 403)
    assert as_found(servers) == before and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("attack", OF_THE_JOB)
def test_with_it_no_run_says_what_is_run_or_where(servers: Up, attack: str, tmp_path: Path) -> None:
    before = as_found(servers)
    assert send(servers, attack, tmp_path / "ran", servers.as_client(writes=True)) in (409, 422)
    assert as_found(servers) == before


def test_with_it_alone_nothing_is_written(servers: Up, tmp_path: Path) -> None:
    """A page that learned the string would still need a token of the server (CSRF)."""
    assert send(servers, "a look", tmp_path, servers.as_client(writes=False)) == 403
    assert send(servers, "a look", tmp_path, servers.as_client(writes=True)) == 200


@pytest.mark.parametrize("headers", [{"host": "evil.example:4200"}, {"origin": "https://evil.example"}])
def test_with_it_other_names_and_origins_are_refused(servers: Up, headers: dict[str, str], tmp_path: Path) -> None:
    assert send(servers, "a look", tmp_path, {**servers.as_client(writes=True), **headers}) in (403, 421)


def test_what_tells_whether_it_is_up_asks_nobody(servers: Up) -> None:
    connection = http.client.HTTPConnection(urlsplit(servers.prefect_url).netloc, timeout=30)
    connection.request("GET", "/api/health")
    assert connection.getresponse().status == 200


def test_a_page_of_another_origin_gets_nothing_done(servers: Up, chromium: "Browser", elsewhere: str) -> None:
    """In the very browser that is let in."""
    page = _let_in(servers, chromium)
    before = as_found(servers)
    deployment = servers.prefect("/deployments/name/nightly/nightly")["id"]
    page.goto(elsewhere)
    for method, path, body in ATTACKS.values():
        said = page.evaluate(HOSTILE, [servers.prefect_url, method, f"/api{path.format(id=deployment)}", body])
        plain = "unseen" if method == "POST" else "refused"  # no browser sends a PATCH without asking
        assert said == {"json": "refused", "plain": plain, "knowing": "refused", "socket": "refused"}, path
    page.wait_for_timeout(1000)
    assert as_found(servers) == before
    page.close()


def test_a_page_of_another_origin_writes_nothing_in_mlflow(servers: Up, chromium: "Browser", elsewhere: str) -> None:
    """In the very browser that MLflow lets in, which answers by itself; MLflow alone takes any page of this machine."""
    page = new_page(chromium)
    page.goto(servers.links["mlflow"])
    page.get_by_text("Training runs").first.wait_for()
    page.goto(elsewhere)
    made = {"name": "made-from-elsewhere"}
    said = page.evaluate(HOSTILE, [servers.mlflow_url, "POST", "/ajax-api/2.0/mlflow/experiments/create", made])
    page.wait_for_timeout(1000)
    assert said == {"json": "refused", "plain": "unseen", "knowing": "refused", "socket": "refused"}
    look = "/api/2.0/mlflow/experiments/get-by-name?experiment_name="
    login = basic(mlflow_login(servers.workspace))
    assert [status_of(servers.mlflow_url, look + name, login) for name in ("Default", made["name"])] == [200, 404]
    page.close()


def test_a_page_of_another_origin_shows_no_page_of_ours(servers: Up, chromium: "Browser", elsewhere: str) -> None:
    page = _let_in(servers, chromium)
    page.goto(elsewhere)
    page.evaluate(
        "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }",
        servers.prefect_url,
    )
    page.wait_for_timeout(1000)
    (inner,) = page.main_frame.child_frames
    assert not inner.url.startswith(servers.prefect_url)
    page.close()


def test_one_click_on_the_printed_link_lets_a_browser_in(servers: Up, chromium: "Browser") -> None:
    """Once: the same link in another browser says where to get a new one, and that one works."""
    link, first, second = servers.links["prefect"], new_page(chromium), new_page(chromium)
    first.goto(link)
    first.get_by_text("Dashboard").first.wait_for()
    assert "#" not in first.url
    first.goto(f"{servers.prefect_url}/deployments")
    first.get_by_text("nightly").first.wait_for()
    first.goto(link)  # a bookmark, say
    first.get_by_text("Dashboard").first.wait_for()
    second.goto(link)
    second.get_by_text("prints a new one").wait_for()
    for page in (first, second):
        page.close()


def test_mlflow_lets_in_whoever_opens_its_printed_link(servers: Up, chromium: "Browser") -> None:
    page = new_page(chromium)
    page.goto(servers.links["mlflow"])
    page.get_by_text("nightshift").first.wait_for()
    page.get_by_text("Training runs").first.wait_for()
    page.close()


@pytest.mark.parametrize("path", MLFLOW_PATHS)
@pytest.mark.parametrize("login", ["", "nightshift:guessed", "admin:password1234"])
def test_mlflow_lets_in_nobody_else(servers: Up, path: str, login: str) -> None:
    assert status_of(servers.mlflow_url, path, basic(login)) == 401


def test_no_file_that_others_may_read_tells_the_passwords(servers: Up) -> None:
    secrets = [auth_string(servers.workspace).split(":")[1], mlflow_login(servers.workspace).split(":")[1]]
    readable = [path for path in servers.workspace.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    told = [path.name for path in readable if any(word.encode() in path.read_bytes() for word in secrets)]
    assert told == []


def test_other_machines_are_let_in_by_the_name_they_know_when_asked_for(tmp_path: Path) -> None:
    corpus, name = write_corpus(tmp_path / "corpus"), "night.example"
    with up(tmp_path / "workspace", corpus, "--prefect-port", "0", "--mlflow-port", "0", "--open", name) as opened:
        prefect, mlflow = (opened.prefect_url, "/api/health", "/api/admin/version"), (opened.mlflow_url, "/health", "/")
        for url, health, inside in (prefect, mlflow):
            assert [status_of(url, path, host_of(url, name)) for path in (health, inside)] == [200, 401]
            assert status_of(url, inside, {"host": "evil.example"}) in (403, 421)
            assert urlsplit(url).port in listening_everywhere(opened)
        knowing = {**host_of(opened.prefect_url, name), **basic(auth_string(opened.workspace))}
        assert status_of(opened.prefect_url, "/api/admin/version", knowing) == 200
        assert all(f"{name}:" in link for link in opened.links.values())


def test_other_machines_are_not_let_in_unasked(servers: Up) -> None:
    assert listening_everywhere(servers) == set()


def test_to_let_everybody_in_is_refused(tmp_path: Path) -> None:
    ended = nightshift("up", "--open", "night.example", "--no-mlflow-login", "--workspace", str(tmp_path))
    assert ended.status == 2 and "must ask who they are" in ended.err


def status_of(url: str, path: str, headers: Mapping[str, str]) -> int:
    """The status of a GET with these headers."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path, headers=dict(headers))
    return connection.getresponse().status


def host_of(url: str, name: str) -> dict[str, str]:
    """The header that a browser sends there when it knows this machine by that name."""
    return {"host": urlsplit(url).netloc.replace("127.0.0.1", name)}


def listening_everywhere(servers: Up) -> set[int]:
    """The ports of its processes on which other machines are answered."""
    sockets = [found for process in servers.family() for found in process.net_connections("inet")]
    listening = [found.laddr for found in sockets if found.status == "LISTEN"]
    return {address.port for address in listening if address.ip not in ("127.0.0.1", "::1")}


def _let_in(servers: Up, chromium: "Browser") -> "Page":
    page = new_page(chromium)
    page.goto(servers.links["prefect"])
    page.get_by_text("Dashboard").first.wait_for()
    return page
