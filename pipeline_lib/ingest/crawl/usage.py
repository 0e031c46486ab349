"""What the owner of a page says about its use: AIPREF, TDM reservations, and what robots tags say.

    Content-Usage: train-ai=n             a header, or a rule of robots.txt (draft-ietf-aipref-attach)
    Content-Signal: ai-train=no           the same, older, a rule of robots.txt
    tdm-reservation: 1                    a header, a meta tag, or /.well-known/tdmrep.json (W3C TDMRep, 2024)
    X-Robots-Tag, meta robots             noindex, nofollow, none; noai is a reservation

We train a language model, so that the closest of the categories counts: train-genai, else train-ai, else bots. Of
several statements one that says no is enough: nothing is read into the order in which they stand.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_lib.ingest.crawl.urls import canonical

Usage = Mapping[str, str]

CATEGORIES = ("train-genai", "genai", "train-ai", "ai-train", "ai", "bots", "all")  # the closest first
NO = {"n", "no", "?0"}
MOST_USAGE_CHARS = 1_000
_PAIR = re.compile(r"^\s*([a-z*][a-z0-9_.*-]*)\s*=\s*\"?([a-z0-9?]+)\"?\s*(?:;.*)?$")
_DIRECTIVES_WITH_VALUES = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}


def read_usage(value: str) -> Usage:
    """The categories and answers of a Content-Usage value; what is none of them is left out."""
    pairs = map(_PAIR.match, value[:MOST_USAGE_CHARS].lower().split(","))
    return {pair[1]: pair[2] for pair in pairs if pair}


def is_reserved(usage: Usage) -> bool:
    """Whether a language model may not be trained on it."""
    return next((usage[name] in NO for name in CATEGORIES if name in usage), False)


def shown(usage: Usage) -> str:
    """As it stands in the metadata of a record."""
    return ", ".join(f"{name}={answer}" for name, answer in sorted(usage.items()))


def robots_tags(values: Iterable[str], agent: str) -> frozenset[str]:
    """The directives of X-Robots-Tag headers, or of meta tags, that are for us or for everybody."""
    found = set[str]()
    for value in values:
        own = True
        for part in value.lower()[:MOST_USAGE_CHARS].split(","):
            name, mark, rest = part.strip().partition(":")
            if mark and name.strip() not in _DIRECTIVES_WITH_VALUES:  # "otherbot: noindex, nofollow"
                own, name = name.strip() == agent, rest
            if own:
                found.add(name.strip())
    return frozenset(found | ({"noindex", "nofollow"} if "none" in found else set()))


def tdm_rules(body: bytes) -> list[tuple[str, str]]:
    """(pattern, "0" or "1") of a tdmrep.json, the longest pattern first; nothing of one that is none."""
    try:
        told = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return []
    rules = [_tdm_rule(rule) for rule in told if isinstance(rule, dict)] if isinstance(told, list) else []
    return sorted((rule for rule in rules if rule), key=lambda rule: (-len(rule[0]), rule[1] == "0"))


def _tdm_rule(rule: Mapping[str, Any]) -> tuple[str, str] | None:
    location, reserved = rule.get("location"), str(rule.get("tdm-reservation")).strip()
    if not isinstance(location, str) or reserved not in ("0", "1"):
        return None
    if "://" in location:
        address = canonical(location)
        location = "/" + address.split("/", 3)[3] if address else ""
    return (location if location.startswith(("/", "*")) else f"/{location}"), reserved
