"""One spelling for each address: RFC 3986 (6.2), read as browsers read links (WHATWG URL).

Case of scheme and host, default ports, dot segments, percent signs and names in other scripts are made one; the
fragment goes; hosts have a file of their own (base/hosts.py). What is no http or https, carries a user or cannot be an
address is none.
"""

import re
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

from pipeline_lib.base.hosts import canonical_host

DEFAULT_PORTS = {"http": 80, "https": 443}
REMEMBERED = 1 << 16  # addresses: most links of a page are those of the page before
MAX_URL_CHARS = 2_000  # what browsers and proxies take
_IN_PATH, _IN_QUERY = "/!$&'()*+,;=:@~-._%", "/!$&'()*+,;=:@~-._%?"
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LEFT_OUT = str.maketrans("", "", "\t\r\n")


def canonical(url: str, base: str | None = None) -> str | None:
    """The one spelling of an address, seen from `base` where it is relative; None where it is none that is crawled."""
    given = url.translate(_LEFT_OUT).strip("".join(map(chr, range(0x21))))
    if len(given) > 8 * MAX_URL_CHARS:
        return None
    head, mark, query = given.partition("#")[0].partition("?")
    given = head.replace("\\", "/") + mark + query
    try:
        return _canonical(urljoin(base, given) if base else given)
    except ValueError:
        return None


@lru_cache(maxsize=REMEMBERED)
def _canonical(url: str) -> str | None:
    """The same of an absolute address. Raises `ValueError` for what is none."""
    parts = urlsplit(url)
    host = None if parts.username is not None else canonical_host(parts.hostname or "")
    scheme, port = parts.scheme.lower(), parts.port
    if scheme not in DEFAULT_PORTS or host is None or port == 0:
        return None
    shown = "" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"
    path = without_dots(_escaped(parts.path, _IN_PATH)) or "/"
    query = _escaped(parts.query, _IN_QUERY)
    return f"{scheme}://{host}{shown}{path}" + (f"?{query}" if query else "")


def origin_of(url: str) -> str:
    """Scheme, host and port of a canonical address: what has one robots.txt."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?]', rest, maxsplit=1)[0]}"


def host_of(url: str) -> str:
    """The host of a canonical address, without its port: what one connection is for."""
    return urlsplit(url).hostname or ""


def path_of(url: str) -> str:
    """Path and query of a canonical address: what rules speak of."""
    return url[len(origin_of(url)) :] or "/"


def without_dots(path: str) -> str:
    """The path with "." and ".." followed (RFC 3986, 5.2.4)."""
    kept = list[str]()
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            kept = kept[:-1] if len(kept) > 1 else kept
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)


def _escaped(part: str, safe: str) -> str:
    """Escape what must be, leave no escape that need not be, and write the others in upper case."""
    quoted = quote(_BARE_PERCENT.sub("%25", part), safe=safe)
    return _PERCENT.sub(lambda found: _as_needed(found[1]), quoted)


def _as_needed(digits: str) -> str:
    sign = chr(int(digits, 16))
    return sign if sign in _UNRESERVED else f"%{digits.upper()}"
