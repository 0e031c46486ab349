"""One spelling for each host (WHATWG URL, RFC 3986 3.2.2), and the host that a document is from.

A host that is a number in any spelling (2130706433, 0x7f.1, 0177.0.0.1) becomes the address that it stands for, a name
in another script its Punycode (UTS 46). Ports and users are no part of a host.
"""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

# Where a url of ours names a page of the web (an address, or `path#address`), its host as it stands there; RE2. As
# browsers read it: any case, slashes of both kinds, what is before the last "@" is a user.
IN_URL = r"(?i:(?:^|#)https?:[/\\]+(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#\\]*\]|[^/?#\\:]*))"
OF_THE_WEB = "www."
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def site_of(host: str) -> str | None:
    """The host that counts as one with this, as it stands in an address: its one spelling, without a first "www.".

    What can be no host counts by its lower case; None where nothing stands.
    """
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    name = canonical_host(bare) or host.lower()
    rest = name.removeprefix(OF_THE_WEB)
    return (rest if "." in rest else name) or None


@lru_cache(maxsize=1_024)
def canonical_host(host: str) -> str | None:
    """A host as it is asked for: lower case, numbers as dotted quads, IPv6 in brackets, other scripts in Punycode."""
    try:
        host = unquote_to_bytes(host).decode()
        if ":" in host:
            address = ipaddress.IPv6Address(host.partition("%")[0])
            return None if "%" in host else f"[{address.compressed}]"
        if not host.isascii():
            import idna

            host = idna.encode(host, uts46=True).decode()
    except (ValueError, UnicodeError):
        return None
    host = host.lower()
    if not _HOST.fullmatch(host) or len(host) > 253:
        return None
    return _quad(host) if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) else host.rstrip(".")


def _quad(host: str) -> str | None:
    """The dotted quad of an IPv4 address with one to four numbers, each decimal, octal or hexadecimal."""
    parts = host.rstrip(".").split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        *heads, last = (_number(part) for part in parts)
    except ValueError:
        return None
    if any(head > 255 for head in heads) or last >= 256 ** (4 - len(heads)):
        return None
    value = last + sum(head << (8 * (3 - place)) for place, head in enumerate(heads))
    return str(ipaddress.IPv4Address(value))


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and len(part) > 1 else int(part)
