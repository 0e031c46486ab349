"""Which addresses a crawl may connect to: those of the public internet, and hosts that the settings name.

Asked of what a name was resolved to, when a connection is made (resolver.py), and so at each hop. An IPv4 address that
is written inside of an IPv6 one (mapped, translated, 6to4, NAT64) is judged as what it is (RFC 4291, 6052, 3056, 6890).
"""

import ipaddress
from collections.abc import Collection

from pipeline_lib.base.hosts import canonical_host

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that was ever given out
# IPv4 in the last 32 bits: mapped, compatible, translated (SIIT), NAT64.
WITH_IPV4 = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
# Special, and counted as global by Python: relays of 6to4 and AMT, AS 112, clouds' metadata of Oracle and Azure.
NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "192.52.193.0/24",
            "192.31.196.0/24",
            "192.175.48.0/24",
            "168.63.129.16/32",
            "2001::/23",
            "3fff::/20",
        ),
    )
)
ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: before an IPv4 address in the last 64 bits


def is_public(address: str) -> bool:
    """Whether this is the address of a host on the public internet. What is no address is not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public(found)


def _is_public(found: Address) -> bool:
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        inside = _ipv4_in(found)
        if inside is not None:
            return _is_public(inside)
        if found not in GLOBAL_UNICAST or (int(found) >> 32) & 0xFFFFFFFF in ISATAP:
            return False
    is_named = any(found.version == network.version and found in network for network in NOT_PUBLIC)
    return found.is_global and not (found.is_multicast or found.is_reserved or is_named)


def _ipv4_in(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in WITH_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


class Exempt:
    """The hosts that may be private: "localhost", "10.0.0.7:8000"; without a port, on all of them."""

    def __init__(self, named: Collection[str]) -> None:
        split = [split_port(one) for one in named]
        self._hosts = {(canonical_host(host), port) for host, port in split}

    def has(self, host: str, port: int) -> bool:
        """Whether this host may be connected to, whatever its address is."""
        name = canonical_host(host)
        return name is not None and not self._hosts.isdisjoint({(name, None), (name, port)})


def split_port(named: str) -> tuple[str, int | None]:
    """Host and port, None for any, of "host", "host:8000", "[::1]" or "[::1]:8000". Raises `ValueError`."""
    if named.startswith("["):
        host, mark, rest = named[1:].partition("]")
        if not mark or ":" not in host:
            raise ValueError("no address in brackets")
    else:
        host, mark, rest = named.partition(":")
        rest = mark + rest
    if rest and not rest.startswith(":"):
        raise ValueError("what follows a host is its port")
    port = int(rest[1:]) if rest else None
    if canonical_host(host) is None or (port is not None and not 0 < port < 1 << 16):
        raise ValueError("no host, or no port")
    return host, port
