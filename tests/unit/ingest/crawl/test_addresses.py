"""Where a crawl may connect to, by whatever name and spelling."""

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from pipeline_lib.ingest.crawl import run
from pipeline_lib.ingest.crawl.addresses import Exempt, is_public, split_port
from pipeline_lib.ingest.crawl.urls import canonical
from tests.crawls import Crawls
from tests.named_hosts import COMMAND, HOSTS_VARIABLE
from tests.web_site import Reply, Site, moved

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


def test_no_spelling_of_a_private_address_is_connected_to(
    crawls: Crawls, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):  # nor any proxy
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    seeds = tuple(f"http://{host}:{trap.port}/" for host in SPELLINGS)
    assert all(map(canonical, seeds))
    crawls.site.page("/")
    outcome = crawls.land(seeds=(crawls.site.url(), *seeds))
    assert trap.num_connections == 0
    assert outcome.dropped == {"private_address": len({canonical(seed) for seed in seeds})}
    assert outcome.rows_out == 1


def test_no_hop_leads_to_a_private_address(crawls: Crawls, trap: Trap, sites: Callable[[], Site]) -> None:
    inside, other = f"http://127.0.0.1:{trap.port}", sites()
    crawls.site.page("/", "/moved", f"{inside}/link", head=f'<base href="/"><link rel="next" href="{inside}/next">')
    crawls.site.pages["/moved"] = moved(f"http://2130706433:{trap.port}/latest/meta-data")
    crawls.site.pages["/robots.txt"] = Reply(f"User-agent: *\nSitemap: {inside}/sitemap.xml")
    other.page("/")
    other.pages["/robots.txt"] = moved(f"{inside}/robots.txt")
    private = (crawls.site.address, other.address)
    allow = (crawls.site.address, f"127.0.0.1:{trap.port}", other.address)
    outcome = crawls.land(seeds=(crawls.site.url(), other.url()), allow=allow, allow_private=private)
    assert (trap.num_connections, outcome.rows_out, other.paths()) == (0, 1, [])
    assert outcome.dropped == {"private_address": 4}


def test_a_name_is_judged_by_what_is_connected_to_and_may_be_private_where_it_is_named(
    crawls: Crawls, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {
        "rebinding.example": [["93.184.216.34"], ["127.0.0.1"]],  # behind robots.txt
        "several.example": [["10.0.0.1", "127.0.0.1", "::1"]],
        "mapped.example": [["::ffff:127.0.0.1"]],
        "wiki.intern": [["127.0.0.1"]],
    }
    monkeypatch.setattr(run, "COMMAND", COMMAND)
    monkeypatch.setenv(HOSTS_VARIABLE, json.dumps(names))
    crawls.site.page("/")
    own = f"wiki.intern:{crawls.site.port}"
    seeds = (f"http://{own}/", *(f"http://{name}:{trap.port}/" for name in names))
    outcome = crawls.land(seeds=seeds, allow_private=(own,), timeout_seconds=0.5)
    assert (outcome.rows_out, trap.num_connections) == (1, 0)
    assert sum(outcome.dropped.values()) == len(names)
