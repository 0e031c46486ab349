"""What the settings of all stages share."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator

NONE = "none"  # TOML, the environment and the command line have no null


class StageSettings(BaseModel):
    """Settings of one stage: immutable, unknown keys refused, each field documented by its description.

    `json_schema_extra={"unit": "..."}` on a field names its unit for `nightshift config --explain`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _none_by_name(cls, given: Any) -> Any:
        """ "none" means None where a field takes it."""
        if not isinstance(given, Mapping):
            return given
        return {name: None if value == NONE and cls._takes_none(name) else value for name, value in given.items()}

    @classmethod
    def _takes_none(cls, name: str) -> bool:
        return name in cls.model_fields and type(None) in get_args(cls.model_fields[name].annotation)
