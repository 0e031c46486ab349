"""Parameters of addresses that say who sent a reader, and not what is read: `?utm_source=...`, `&fbclid=...`.

The address stays, and leads to the same page. Only names that are there for nothing else are taken. A stop behind an
address is none of it.
"""

import re

from pipeline_lib.clean.steps.step import each_text

_NAMES = (
    "utm_[a-z_]+|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid|igshid|mc_[ce]id|_hs(?:enc|mi)"
    "|mkt_tok|vero_id|oly_(?:anon|enc)_id|spm|vd_source|bd_vid"
)
_QUERY = re.compile(r"(?i)(?<=[a-z0-9/_.~%-])\?([a-z0-9_.~%+=&/:;,@!*-]*[a-z0-9%+=&/-])")
_TRACKING = re.compile(f"(?i)(?:amp;)?(?:{_NAMES})=.*")
_ADDRESS = re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"'`]+")


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
