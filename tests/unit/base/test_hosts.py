"""Hosts of addresses: one spelling for each, and where an address names one."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline_lib.base.hosts import IN_URL, site_of

ONE_HOST = {
    "example.org": [
        "EXAMPLE.org",
        "www.example.org",
        "WWW.Example.Org",
        "example.org.",
        "ex%61mple.org",
        "ｅxample.org",
    ],
    "xn--bcher-kva.example": ["bücher.example", "BÜCHER.example", "www.bu\u0308cher.example", "XN--BCHER-KVA.example"],
    "xn--fiqs8s.example": ["中国.example", "中国。example"],
    "127.0.0.1": ["127.1", "0x7f.1", "2130706433", "0177.0.0.1"],
    "[2001:db8::1]": ["[2001:DB8:0:0:0:0:0:1]", "[2001:db8::0001]"],
}
TWO_HOSTS = [
    ("example.org", "blog.example.org"),  # a host, not the domain that somebody registered
    ("example.org", "example.com"),
    ("www.example", "example"),  # no domain is left without it
    ("wwwexample.org", "example.org"),
    ("中国.example", "中國.example"),
    ("faß.example", "fass.example"),
]


@pytest.mark.parametrize(("host", "spelling"), [(host, one) for host, others in ONE_HOST.items() for one in others])
def test_spellings_of_a_host_are_one(host: str, spelling: str) -> None:
    assert site_of(spelling) == site_of(host) == host


@pytest.mark.parametrize(("one", "other"), TWO_HOSTS)
def test_other_hosts_are_others(one: str, other: str) -> None:
    assert site_of(one) != site_of(other)


@pytest.mark.parametrize("odd", ["a b.example", "-.example", "a..example", "[::zz]", "256.256.256.256", "x" * 300, "%"])
def test_what_can_be_no_host_counts_by_its_lower_case(odd: str) -> None:
    assert site_of(odd) == site_of(odd.upper()) == odd.lower()


def test_nothing_is_no_host() -> None:
    assert site_of("") is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://h.example/a", "h.example"),
        ("http://h.example", "h.example"),
        ("HTTPS://h.example:8443/a", "h.example"),
        ("https://user:pass@h.example/", "h.example"),
        ("https://user@evil.example@h.example/", "h.example"),
        ("https://h.example/@other.example", "h.example"),
        ("https://h.example?at=http://other.example", "h.example"),
        ("https://h.example#http://other.example", "h.example"),
        ("https:\\\\h.example\\a", "h.example"),
        ("https://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("crawl/0001.warc.gz#https://h.example/a", "h.example"),
        ("part.zip#pages.warc#http://h.example/a", "h.example"),
        ("https://", ""),
    ],
)
def test_the_host_of_an_address_is_found(url: str, host: str) -> None:
    assert _found(url) == host


@pytest.mark.parametrize(
    "url", ["", "notes/http://h.example", "a.txt#1", "ftp://h.example/", "xhttps://h.example", "httpss://h.example/"]
)
def test_what_is_no_address_of_the_web_names_none(url: str) -> None:
    assert _found(url) is None


def _found(url: str) -> str | None:
    found = pc.struct_field(pc.extract_regex(pa.array([url]), IN_URL), "host")
    host: str | None = found[0].as_py()
    return host
