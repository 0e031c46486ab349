"""Settings as text: explained line by line, and as a TOML file that gives the same settings again.

A versioned rule, a source in a list: each value has a line of its own, so nothing that can be set stays out of sight.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from pipeline_lib.base.settings import NONE, StageSettings
from pipeline_lib.settings.tree import Resolved, Settings

BARE_KEY = re.compile(r"^[A-Za-z0-9_-]+$")
DEFAULT = "default"


@dataclass(frozen=True)
class Explained:
    """One line of `nightshift config --explain`."""

    name: str
    value: str
    origin: str
    unit: str
    meaning: str


def explain(resolved: Resolved) -> Iterator[Explained]:
    """Each setting with its value, origin, unit and meaning, in the order of the tree."""
    for name, value, field in _values(resolved.settings, ""):
        extra = field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        yield Explained(name, as_toml_value(value), _origin(name, resolved.origins), unit, field.description or "")


def as_toml(settings: Settings) -> str:
    """A settings file that gives these settings again."""
    return "\n".join(_section(settings.model_dump(mode="json"), ())).strip() + "\n"


def _values(model: StageSettings, prefix: str) -> Iterator[tuple[str, Any, FieldInfo]]:
    """The leaves of a tree of settings: `clean.rules.min_words.v1.at_least`, `ingest.sources[0].path`."""
    for key, field in type(model).model_fields.items():
        name, value = f"{prefix}{key}", getattr(model, key)
        parts = _parts(name, value)
        if parts is None:
            yield name, model.model_dump(mode="json", include={key})[key], field
            continue
        for part, inner in parts:
            if not isinstance(inner, StageSettings):
                yield part, inner, field
                continue
            # A limit in the mapping of rules has one of its two bounds: the other is not "none" but not there.
            is_limit = isinstance(value, Mapping)
            yield from (leaf for leaf in _values(inner, f"{part}.") if leaf[1] is not None or not is_limit)


def _parts(name: str, value: Any) -> list[tuple[str, Any]] | None:
    """A section, the entries of a mapping, the members of a list of sections; None for what is one value."""
    if isinstance(value, StageSettings):
        return [(name, value)]
    if isinstance(value, Mapping) and value:
        return [(f"{name}.{key}", inner) for key, inner in value.items()]
    if isinstance(value, tuple) and value and isinstance(value[0], StageSettings):
        return [(f"{name}[{number}]", inner) for number, inner in enumerate(value)]
    return None


def _origin(name: str, origins: Mapping[str, str]) -> str:
    """Where a value came from: the last origin of it, of something it is part of, or of something in it."""
    plain = re.sub(r"\[\d+\]", "", name)
    near = [origin for known, origin in origins.items() if _overlap(known, plain)]
    return near[-1] if near else DEFAULT


def _overlap(known: str, name: str) -> bool:
    return known == name or known.startswith(f"{name}.") or name.startswith(f"{known}.")


def _section(tree: Mapping[str, Any], path: Sequence[str]) -> Iterator[str]:
    """The lines of a table: its values, then its sub-tables and its lists of tables."""
    if path:
        yield f"\n[{'.'.join(path)}]"
    yield from _assignments({k: v for k, v in tree.items() if not _is_table(k, v) and not _is_list(v)})
    for key, value in tree.items():
        if _is_table(key, value):
            yield from _section(value, (*path, key))
        elif _is_list(value):
            for entry in value:
                yield f"\n[[{'.'.join((*path, key))}]]"
                yield from _assignments(entry)


def _assignments(tree: Mapping[str, Any]) -> Iterator[str]:
    for key, value in tree.items():
        yield f"{_key(key)} = {as_toml_value(value)}"


def as_toml_value(value: Any) -> str:
    """A value as it is written in TOML; None by its name."""
    if value is None:
        return json.dumps(NONE)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_assignments({k: v for k, v in value.items() if v is not None})) + " }"
    if isinstance(value, list):
        return f"[{', '.join(as_toml_value(entry) for entry in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_table(key: str, value: Any) -> bool:
    """Whether it gets lines of its own; a rule's limit ("min_words.v1") stands in one."""
    return isinstance(value, Mapping) and bool(value) and bool(BARE_KEY.match(key))


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _key(key: str) -> str:
    return key if BARE_KEY.match(key) else json.dumps(key, ensure_ascii=False)
