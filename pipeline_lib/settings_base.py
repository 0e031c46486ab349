"""What the settings of all stages share."""

from pydantic import BaseModel, ConfigDict


class StageSettings(BaseModel):
    """Settings of one stage: immutable, unknown keys refused, each field documented by its description.

    `json_schema_extra={"unit": "..."}` on a field names its unit for `nightshift config --explain`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
