"""Character references of HTML, decoded: `&amp;`, `&#22812;`, `&#x591c;`.

`html.unescape` turns digits into a number before it looks how large it is, and Python refuses more than 4,300 of them
(`ValueError`). No character has more than seven, so that eight say the same: U+FFFD, as browsers show it.
"""

import html
import re

_LONG = re.compile("&#[0-9]{8,}")


def unescaped(text: str) -> str:
    """The text with its references decoded, whatever digits are in it."""
    return html.unescape(_LONG.sub(_short, text))


def _short(found: re.Match[str]) -> str:
    return f"&#{found[0][2:].lstrip('0')[:8] or '0'}"
