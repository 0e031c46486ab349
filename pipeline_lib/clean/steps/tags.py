"""Mark-up of HTML that was left in a text: tags of its usual elements, comments, character references.

For texts that were taken out of HTML by others. A text about HTML has tags that are meant: those in `code` and between
``` fences stay, and so do &lt; and &gt;, which stand for signs that are shown; a reference is decoded only where that
makes no other one. Off by default, because nothing tells residue from an example that stands in no fence.
"""

import html
import re

from pipeline_lib.clean.steps.step import each_text, settled

_BREAKS = "br|hr|p|div|tr|li|ul|ol|dl|dt|dd|h[1-6]|table|tbody|thead|blockquote|section|article|center|pre"
_INLINE = "a|abbr|b|big|cite|del|em|font|i|img|ins|nobr|s|small|span|strike|strong|sub|sup|td|th|tt|u|wbr"
_CODE = r"(?P<code>```.*?(?:```|\Z)|`[^`\n]+`)"
_REST = r"(?:\s[^<>]{0,2000})?/?>"
_FOUND = re.compile(
    f"{_CODE}|(?P<line></?(?:{_BREAKS}){_REST})|</?(?:{_INLINE}){_REST}|<!--[^<>]{{0,5000}}?-->",
    re.DOTALL | re.IGNORECASE,
)
_REFERENCE = re.compile(f"{_CODE}|&(?:#[0-9]{{1,7}}|#[xX][0-9a-fA-F]{{1,6}}|[a-zA-Z][a-zA-Z0-9]{{1,30}});", re.DOTALL)
_MAKES_REFERENCE = re.compile("#?[0-9a-zA-Z]{1,31};")
_LONGEST = 40  # characters of a reference


def _without_tag(found: re.Match[str]) -> str:
    if found["code"]:
        return found[0]
    return "\n" if found["line"] and found.string[found.end() : found.end() + 1] != "\n" else ""


def _decoded(found: re.Match[str]) -> str:
    if found["code"]:
        return found[0]
    meant = html.unescape(found[0])
    behind = found.string[found.end() : found.end() + _LONGEST]
    is_meant = meant in ("<", ">", "`") or (meant == "&" and _MAKES_REFERENCE.match(behind))
    return found[0] if is_meant or meant in ("", "\ufffd") else meant


STEP = each_text(
    "tags.v1",
    "tags of HTML that were left in a text go, its character references are decoded; not in code",
    f"(?i)</?(?:{_BREAKS}|{_INLINE})[\\s/>]|<!--|&[#a-z][a-z0-9]{{1,30}};",
    settled(lambda text: _REFERENCE.sub(_decoded, _FOUND.sub(_without_tag, text))),
)
