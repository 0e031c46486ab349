"""What only a person can say of training content, from a TOML file of theirs: who they are, what a source is.

    [provider]          name, contact, representative, is_sme
    [model]             versions, dependencies, placed_on_market, purpose, first_used
    [sources.press]     kind, description, link, owner, is_copyrighted, has_personal_data,
                        has_consumer_information
    [processing]        code_of_practice, copyright_policy, illegal_content, other

Nothing of it is checked for truth. A key that is not understood is an error: a slip would leave a gap unnoticed.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline_lib.base.errors import SettingsError

Kind = Literal["public", "licensed", "private", "crawled", "user", "synthetic", "other"]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Provider(_Told):
    """Who places the model on the market."""

    name: str | None = None
    contact: str | None = None
    representative: str | None = None  # in the Union
    is_sme: bool = False  # a small or medium-sized enterprise lists fewer domains


class Model(_Told):
    """Which model."""

    versions: str | None = None
    dependencies: str | None = None  # models that it goes on from
    placed_on_market: str | None = None  # a date
    purpose: str | None = None  # how the data further it
    first_used: str | None = None  # a date: the data in development


class SourceTold(_Told):
    """What a source is."""

    kind: Kind | None = None
    description: str | None = None
    link: str | None = None
    owner: str | None = None
    is_copyrighted: bool | None = None
    has_personal_data: bool | None = None
    has_consumer_information: bool | None = None


class Processing(_Told):
    """What was done beside what Nightshift does."""

    code_of_practice: str | None = None
    copyright_policy: str | None = None
    illegal_content: str | None = None
    other: str | None = None


class Given(_Told):
    """All of it."""

    provider: Provider = Provider()
    model: Model = Model()
    processing: Processing = Processing()
    sources: Mapping[str, SourceTold] = Field(default_factory=dict)

    def source(self, name: str) -> SourceTold:
        """What is told of a source."""
        return self.sources.get(name, SourceTold())


def read_given(path: Path | None, sources: set[str]) -> Given:
    """The file. Raises `SettingsError` where it is missing, is no TOML, or says what is not asked.

    `sources`: those that the settings or the catalog name.
    """
    if path is None:
        return Given()
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        given = Given.model_validate(tree)
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be read ({exc.strerror}). Give --facts the path of a TOML file.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: is not TOML: {exc}. Correct the file and run again.") from exc
    except ValidationError as exc:
        raise SettingsError(f"{path}: {_fault(exc)}") from exc
    for name in given.sources:
        if name not in sources:
            raise SettingsError(
                f"{path}: sources.{name}: there is no such source. There are: {', '.join(sorted(sources)) or 'none'}."
            )
    return given


def _fault(exc: ValidationError) -> str:
    """The first thing that is wrong, and what there is."""
    error: Mapping[str, Any] = exc.errors(include_url=False, include_input=False)[0]
    place = [str(part) for part in error["loc"]]
    known = _names_beside(place)
    near = difflib.get_close_matches(place[-1], known, n=1) if place else []
    if error["type"] == "extra_forbidden":
        advice = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
        return f"{'.'.join(place)}: nobody asks for that. {advice}"
    return f"{'.'.join(place)}: {error['msg']}. Correct the file and run again."


def _names_beside(place: list[str]) -> list[str]:
    kinds: dict[str, type[BaseModel]] = {"provider": Provider, "model": Model, "processing": Processing}
    if len(place) == 1:
        return list(Given.model_fields)
    return list(kinds.get(place[0], SourceTold).model_fields)
