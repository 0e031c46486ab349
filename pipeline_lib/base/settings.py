"""What the settings of all stages share: which fields decide the bytes, and at which value a field is as if not there.

A field decides the bytes of what is made, and so enters fingerprints, unless it is declared `operational` (where, how
fast, how often saved, what is reported). A deciding field may declare a `neutral` value: there it is left out, so that
an option which a later release adds, switched off, changes no fingerprint. All that is added after the first release
needs one; the golden fingerprints hold it (tests/unit/plan). A field that only some choice of another field reads says
so: under any other choice it counts as its default, whatever it is.

    threads: int = Field(2, json_schema_extra=operational(unit="threads"))
    title_weight: float = Field(0.0, json_schema_extra=neutral(0.0))
    rules: dict[str, Limit | None] = Field(..., json_schema_extra=neutral_items(None))     # of each item of a mapping
    bands: int = Field(20, json_schema_extra=read_where("method", "minhash"))
"""

import json
import zlib
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator
from pydantic.fields import FieldInfo

PICKLED_LEVEL = 1  # of zlib: 30 us for the rules of clean
NONE = "none"  # TOML, the environment and the command line have no null
OPERATIONAL, NEUTRAL, NEUTRAL_ITEMS, READ_WHERE = "operational", "neutral", "neutral_items", "read_where"


def operational(unit: str | None = None) -> dict[str, Any]:
    """Extras of a field that decides no byte."""
    return {OPERATIONAL: True, **({} if unit is None else {"unit": unit})}


def neutral(value: Any, unit: str | None = None) -> dict[str, Any]:
    """Extras of a field that is left out of fingerprints at `value`."""
    return {NEUTRAL: value, **({} if unit is None else {"unit": unit})}


def neutral_items(value: Any, unit: str | None = None) -> dict[str, Any]:
    """Extras of a mapping whose items are left out of fingerprints at `value`."""
    return {NEUTRAL_ITEMS: value, **({} if unit is None else {"unit": unit})}


def read_where(field: str, *choices: Any, unit: str | None = None) -> dict[str, Any]:
    """Extras of a field that is read where another one is among `choices`, and decides nothing elsewhere."""
    return {READ_WHERE: {field: list(choices)}, **({} if unit is None else {"unit": unit})}


class StageSettings(BaseModel):
    """Settings of one stage: immutable, unknown keys refused, each field documented by its description.

    `json_schema_extra={"unit": "..."}` on a field names its unit for `nightshift config --explain`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _none_by_name(cls, given: Any) -> Any:
        """ "none" means None where a field takes it. An empty path would be the folder that one happens to be in."""
        if not isinstance(given, Mapping):
            return given
        if empty := [name for name, value in given.items() if value == "" and cls._is_path(name)]:
            raise ValueError(f"{empty[0]} is empty; name a path (. is the folder that you are in)")
        return {name: None if value == NONE and cls._takes_none(name) else value for name, value in given.items()}

    @classmethod
    def _takes_none(cls, name: str) -> bool:
        return name in cls.model_fields and type(None) in get_args(cls.model_fields[name].annotation)

    @classmethod
    def _is_path(cls, name: str) -> bool:
        if name not in cls.model_fields:
            return False
        annotation = cls.model_fields[name].annotation
        return annotation is Path or Path in get_args(annotation)

    def decisive(self, fields: Collection[str] | None = None) -> dict[str, Any]:
        """What decides the bytes (of `fields` only, if given), as JSON: what a fingerprint is made of."""
        dumped, found = self.model_dump(mode="json"), {}
        for name, field in type(self).model_fields.items():
            if fields is not None and name not in fields:
                continue
            extras = _extras(field)
            value, shown = (getattr(self, name), dumped[name]) if self._reads(extras) else (field.default,) * 2
            if not _is_left_out(value, extras):
                found[name] = _decisive(value, shown, extras)
        return found

    def outside(self) -> Mapping[str, str]:
        """Digests of files that these settings name and that decide as a setting does: read when a plan is made."""
        return {}

    def _reads(self, extras: Mapping[str, Any]) -> bool:
        """Whether the other settings let a field with these extras be read."""
        return all(getattr(self, other) in choices for other, choices in extras.get(READ_WHERE, {}).items())

    def only(self, fields: Collection[str]) -> Self:
        """The same settings with nothing in them but `fields` and what is operational: asking for more fails."""
        view = self.model_copy()
        for name, field in type(self).model_fields.items():
            if name not in fields and not is_operational(field):
                view.__dict__.pop(name, None)
        return view

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as compressed JSON: a few hundred bytes for what a maker reads, where the objects are some thousand.

        A work carries them, so lists of terms and patterns that people have written must not make it large.
        """
        dumped = zlib.compress(self.model_dump_json().encode(), PICKLED_LEVEL)
        return _unpickled, (type(self), dumped, tuple(self.__dict__))


def _unpickled(kind: type[StageSettings], dumped: bytes, shown: Collection[str]) -> StageSettings:
    """The settings that were pickled, or the part of them that a maker reads."""
    values = json.loads(zlib.decompress(dumped))
    if len(shown) == len(kind.model_fields):
        return kind.model_validate(values)
    read = {name: _reader(kind, name).validate_python(values[name]) for name in shown}
    return kind.model_construct(**read).only(shown)


@cache
def _reader(kind: type[StageSettings], name: str) -> TypeAdapter[Any]:
    """Reads one field alone: a view is not checked as a whole, against what it does not show."""
    return TypeAdapter(kind.model_fields[name].rebuild_annotation())


def is_operational(field: FieldInfo) -> bool:
    """Whether a field decides no byte."""
    return bool(_extras(field).get(OPERATIONAL))


def _extras(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, Mapping) else {}


def _is_left_out(value: Any, extras: Mapping[str, Any]) -> bool:
    return bool(extras.get(OPERATIONAL)) or (NEUTRAL in extras and value == extras[NEUTRAL])


def _decisive(value: Any, dumped: Any, extras: Mapping[str, Any]) -> Any:
    """The decisive form of one value; what is inside of it says for itself what is left out."""
    if isinstance(value, StageSettings):
        return value.decisive()
    if isinstance(value, Mapping):
        items = {
            key: item for key, item in value.items() if not (NEUTRAL_ITEMS in extras and item == extras[NEUTRAL_ITEMS])
        }
        return {key: _decisive(item, dumped[key], {}) for key, item in items.items()}
    if isinstance(value, list | tuple):
        return [_decisive(item, shown, {}) for item, shown in zip(value, dumped, strict=True)]
    return dumped
