"""Parameters of addresses that say who sent a reader, and not what is read: `?utm_source=...`, `&fbclid=...`.

The address stays, and leads to the same page. Only names that are there for nothing else are taken. A stop behind an
address is none of it. Where a query goes on with signs that are none of an address (`foo(bar)`, letters beyond ASCII),
nobody can say where it ends: it stays.
"""

import re

from pipeline_lib.clean.steps.step import each_text

_NAMES = (
    "utm_[a-z_]+|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid|igshid|mc_[ce]id|_hs(?:enc|mi)"
    "|mkt_tok|vero_id|oly_(?:anon|enc)_id|spm|vd_source|bd_vid"
)
_ENDS = r"$|#|[，。；：！？、）】》」』”’…]|[.,;:!?)\]}*_]{1,9}(?:$|[^\x00-\x7f])"  # what may stand behind a query
_QUERY = re.compile(rf"(?i)(?<=[a-z0-9/_.~%-])\?([a-z0-9_.~%+=&/:;,@!*-]*[a-z0-9%+=&/-])(?={_ENDS})")
_TRACKING = re.compile(f"(?i)(?:amp;)?(?:{_NAMES})=.*")
_ADDRESS = re.compile(r"(?i)(?<![a-z0-9])(?:https?://|www\.)[^\s<>\"'`]+")


def _shorter(query: re.Match[str]) -> str:
    parts = query[1].split("&")
    kept = [part for part in parts if not _TRACKING.fullmatch(part)]
    if len(kept) == len(parts):
        return query[0]
    return "?" + "&".join(kept).removeprefix("amp;") if kept else ""


STEP = each_text(
    "tracking.v1",
    "parameters of addresses that say who sent a reader go (`utm_source`, `fbclid`); the address stays",
    f"(?i)[?&;](?:{_NAMES})=",
    lambda text: _ADDRESS.sub(lambda address: _QUERY.sub(_shorter, address[0], count=1), text),
)
