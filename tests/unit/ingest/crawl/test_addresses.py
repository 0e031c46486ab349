"""Where a crawl may connect to, by whatever name and spelling."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.ingest.crawl import run
from pipeline_lib.ingest.crawl.addresses import Exempt, is_public, split_port
from pipeline_lib.ingest.crawl.urls import canonical
from tests.crawls import Crawls
from tests.named_hosts import COMMAND, HOSTS_VARIABLE
from tests.web_site import Site, moved

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "2001:4860:4860::8888", "2606:4700::1111",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:0:8.8.8.8",
]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:0:4136:e378::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "3fff::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "2600::5efe:a00:1", "2600::200:5efe:808:808", "4000::1",
    "8000::1", "", "example.org", "1.2.3", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_one_in_every_way_to_write_it(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_of_the_public_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_exempt_is_a_host_by_name_and_its_port_where_one_is_named() -> None:
    exempt = Exempt(["localhost:8000", "wiki.intern", "[::1]:80", "10.0.0.7"])
    assert all(exempt.has(*one) for one in [("LOCALHOST", 8000), ("wiki.intern", 1), ("::1", 80), ("0x0a.7", 9)])
    assert not any(exempt.has(*one) for one in [("localhost", 80), ("a.wiki.intern", 1), ("::1", 81), ("10.0.0.8", 9)])


@pytest.mark.parametrize("named", ["", "a b", "host:0", "host:65536", "host:http", "[::1", "[::1]x", "a/b", "http://a"])
def test_what_is_no_host_is_not_exempt(named: str) -> None:
    with pytest.raises(ValueError):
        split_port(named)


class Trap:
    """Listens on 127.0.0.1 and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self.num_connections = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                came, _ = self._socket.accept()
            except OSError:
                return
            self.num_connections += 1
            came.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    listening = Trap()
    yield listening
    listening.close()


SPELLINGS = [
    "127.0.0.1", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0.0.0.0", "0",
    "localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "127.0.0.1.",
    "%31%32%37.0.0.1", "１２７.0.0.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "127.127.127.127",
]  # fmt: skip


def test_no_spelling_of_a_private_address_is_connected_to(crawls: Crawls, trap: Trap) -> None:
    seeds = tuple(f"http://{host}:{trap.port}/" for host in SPELLINGS)
    assert all(map(canonical, seeds))
    crawls.site.page("/")
    outcome = crawls.land(seeds=(crawls.site.url(), *seeds))
    assert trap.num_connections == 0
    assert outcome.dropped == {"private_address": len({canonical(seed) for seed in seeds})}


def test_no_hop_leads_to_a_private_address(crawls: Crawls, trap: Trap) -> None:
    inside = f"http://127.0.0.1:{trap.port}"
    crawls.site.page("/", "/moved", f"{inside}/link", head=f'<base href="/"><link rel="next" href="{inside}/next">')
    crawls.site.pages["/moved"] = moved(f"http://2130706433:{trap.port}/latest/meta-data")
    crawls.site.pages["/robots.txt"] = text(f"User-agent: *\nSitemap: {inside}/sitemap.xml")
    crawls.land(allow=(crawls.site.address, f"127.0.0.1:{trap.port}"))
    assert trap.num_connections == 0


def test_a_robots_txt_that_moves_to_a_private_address_refuses_its_host(crawls: Crawls, trap: Trap, site: Site) -> None:
    crawls.site.page("/")
    crawls.site.pages["/robots.txt"] = moved(f"http://127.0.0.1:{trap.port}/robots.txt")
    with pytest.raises(UpstreamError, match="private_address 1"):
        crawls.land()
    assert (trap.num_connections, site.paths()) == (0, [])


@pytest.mark.parametrize(
    ("answers", "num_connected"),
    [
        ([["93.184.216.34"], ["127.0.0.1"]], 0),  # rebound behind robots.txt
        ([["10.0.0.1", "127.0.0.1", "::1"]], 0),
        ([["::ffff:127.0.0.1"]], 0),
    ],
)
def test_a_name_is_judged_by_what_is_connected_to(
    crawls: Crawls, trap: Trap, monkeypatch: pytest.MonkeyPatch, answers: list[list[str]], num_connected: int
) -> None:
    monkeypatch.setattr(run, "COMMAND", COMMAND)
    monkeypatch.setenv(HOSTS_VARIABLE, json.dumps({"rebinding.example": answers}))
    crawls.site.page("/")
    crawls.land(seeds=(crawls.site.url(), f"http://rebinding.example:{trap.port}/"), timeout_seconds=0.5)
    assert trap.num_connections == num_connected


def test_a_host_that_is_named_may_be_private_on_its_port_alone(
    crawls: Crawls, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "COMMAND", COMMAND)
    monkeypatch.setenv(HOSTS_VARIABLE, json.dumps({"wiki.intern": [["127.0.0.1"]]}))
    crawls.site.page("/")
    own = f"wiki.intern:{crawls.site.port}"
    outcome = crawls.land(seeds=(f"http://{own}/", f"http://wiki.intern:{trap.port}/"), allow_private=(own,))
    assert (outcome.rows_out, outcome.dropped, trap.num_connections) == (1, {"private_address": 1}, 0)


def test_no_proxy_of_the_environment_is_asked(crawls: Crawls, trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    crawls.site.page("/")
    assert (crawls.land().rows_out, trap.num_connections) == (1, 0)


def text(body: str):  # type: ignore[no-untyped-def]
    from tests.web_site import Reply

    return Reply(body, kind="text/plain")
