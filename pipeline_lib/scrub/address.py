"""Addresses of the net: e-mail (with the usual disguises) and public IPv4 and IPv6."""

import ipaddress
import re

from pipeline_lib.scrub.spot import MASKED_LETTER, Spot

# Bytes are Latin-1 here: \xc0-\xff are its letters. RFC 5322 also lets !#$&*/=?^`{|}~ into a local part; in texts they
# stand around addresses (?to=jane@site.org) and not inside.
_LOCAL = rb"[0-9A-Za-z\xc0-\xff_][0-9A-Za-z\xc0-\xff_.%+'\-]*"
_LABEL = rb"[0-9A-Za-z\xc0-\xff](?:[0-9A-Za-z\xc0-\xff\-]{0,61}[0-9A-Za-z\xc0-\xff])?"
EMAIL = _LOCAL + rb"@(?:" + _LABEL + rb"\.)+[A-Za-z]{2,24}"
# jane [at] site [dot] com, jane(at)site.com, jane at site dot com, jane @ site.com
_AT = rb" ?[\[({<] ?(?:[Aa][Tt]|@) ?[\])}>] ?"
_DOT = rb"(?:\.| ?[\[({<] ?(?:[Dd][Oo][Tt]|\.) ?[\])}>] ?| [Dd][Oo][Tt] )"
_NAME = rb"[0-9A-Za-z][0-9A-Za-z_+.\-]*"
_PART = rb"[0-9A-Za-z][0-9A-Za-z\-]*"
DISGUISED_EMAIL = (
    _NAME + _AT + _PART + rb"(?:" + _DOT + _PART + rb"){0,3}" + _DOT + rb"[A-Za-z]{2,10}|"
    + _NAME + rb" [Aa][Tt] " + _PART + rb"(?: [Dd][Oo][Tt] " + _PART + rb"){0,3} [Dd][Oo][Tt] [A-Za-z]{2,10}|"
    + _NAME + rb" {0,2}@ {0,2}(?:" + _PART + rb"\.){1,3}(?:com|net|org|edu|gov|cn|uk|de|fr|jp|info)"
)  # fmt: skip
IPV4 = rb"\d{1,3}(?:\.\d{1,3}){3}"
IPV6 = rb"[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){1,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})"

# What stands behind "@" in file names and versions: logo@2x.png, user@host.service, package@1.0.tgz. Endings that are
# also countries (md, py, so) are not here.
NOT_TOP_LEVEL = re.compile(
    r"png|jpe?g|gif|svg|webp|ico|s?css|m?js|[jt]sx?|mts|json|html?|xml|ya?ml|toml|txt|rst|pyc|java|class|tgz|gz|zip|tar|whl|"
    r"exe|dll|service|socket|timer|mount|target|local|lan|internal"
)
IP_LABEL = re.compile(
    r"(?i)(?:(?:^|[^a-z])(?:ip|ipv4|address|addr|host|server|dns|from|gateway)|地址|主机|服务器|网关|登录)\W{0,6}$"
)
VERSION_BEFORE = re.compile(
    r"(?i)(?:(?:^|[^a-z])v|version|ver|release|rev|build|版本|版本号|版|section|sec|chapter|clause|article|figure|fig|"
    rf"table|rfc|oid|第|章|表|图|§|[=<>~^]=|[a-z{MASKED_LETTER}][/-]|\d-|@)[.\s:：#]*$"
)
VERSION_BEHIND = re.compile(r"(?:[A-Za-z_]|-[A-Za-z0-9]|\+[A-Za-z]|\.[A-Za-z]*\d|[章节節条版])")
SMALL_OCTET = 31


def email_value(spot: Spot) -> str | None:
    """The address in lower case: RFC 5321 lets a host tell "Jane" from "jane", but hosts do not."""
    address = spot.text.lower()
    ending = address.rsplit(".", 1)[-1]
    if NOT_TOP_LEVEL.fullmatch(ending) or ".." in address or re.match(r"[0-9A-Za-z_-]", spot.after[:1]):
        return None
    return address


def disguised_email_value(spot: Spot) -> str | None:
    """The address without its disguise."""
    plain = re.sub(r"\s*[\[({<]\s*(?:at|@)\s*[\])}>]\s*|\s+at\s+|\s*@\s*", "@", spot.text, count=1, flags=re.IGNORECASE)
    plain = re.sub(r"\s*[\[({<]\s*(?:dot|\.)\s*[\])}>]\s*|\s+dot\s+", ".", plain, flags=re.IGNORECASE).lower()
    is_open = re.match(r"[0-9A-Za-z_-]", spot.after[:1]) or re.search(r"[0-9A-Za-z_.@-]$", spot.before)
    if is_open or NOT_TOP_LEVEL.fullmatch(plain.rsplit(".", 1)[-1]):
        return None
    return plain


def ipv4_value(spot: Spot) -> str | None:
    """A public address that is no version, section or object number."""
    if spot.is_cut_out or re.search(r"[A-Za-z_]$", spot.before) or VERSION_BEHIND.match(spot.after):
        return None
    if re.search(r"\d[.-]$", spot.before) or _version_like(spot):
        return None
    return _public(spot.text)


def ipv6_value(spot: Spot) -> str | None:
    """A public address: eight groups, or at least three of a range that is given out (2000::/3)."""
    if re.search(r"[0-9A-Za-z_:.]$", spot.before) or re.match(r"[0-9A-Za-z_:]", spot.after):
        return None
    groups = [group for group in spot.text.split(":") if group]
    is_assigned = len(groups) >= 3 and len(groups[0]) == 4 and groups[0][0] in "23"
    is_whole = len(groups) == 8 and any(len(group) > 2 for group in groups)
    return _public(spot.text) if is_assigned or is_whole else None


def _version_like(spot: Spot) -> bool:
    if IP_LABEL.search(spot.before):
        return False
    # One public address in 5,000 has four octets below 32; headings and versions nearly always do.
    return bool(VERSION_BEFORE.search(spot.before)) or all(int(octet) <= SMALL_OCTET for octet in spot.groups)


def _public(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(address) if address.is_global and not address.is_multicast else None
