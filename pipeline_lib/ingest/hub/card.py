"""What the card of a dataset tells of all its rows: its licence and its languages."""

from collections.abc import Mapping
from typing import Any

from pipeline_lib.ingest.objects.landed import LICENCE

LANGUAGES, REPOSITORY = "languages", "repository"  # in the metadata of a document
MAX_CHARS = 200  # of what is told; a longer one is no name


def told_by(card: Mapping[str, Any], repository: str) -> dict[str, str]:
    """What is told of each row. "other" is no licence where the card names it beside (`license_name`)."""
    licence = _named(card.get("license"))
    if licence in ("", "other"):
        licence = _named(card.get("license_name")) or licence
    told = {LICENCE: licence, LANGUAGES: _named(card.get("language")), REPOSITORY: repository}
    return {name: value for name, value in told.items() if value}


def _named(value: Any) -> str:
    """One name or several, with ", " between; nothing for what is no name. (YAML reads `no`, Norwegian, as false.)"""
    values = value if isinstance(value, list) else [value]
    names = ["no" if one is False else one.strip() for one in values if one is False or isinstance(one, str)]
    return ", ".join(name for name in names if name and name.isprintable() and len(name) <= MAX_CHARS)
