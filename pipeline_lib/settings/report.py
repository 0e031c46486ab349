"""Settings of `[report]`, the page of a refresh. Nothing here changes a byte of what is made."""

from pydantic import Field

from pipeline_lib.base.settings import StageSettings, operational


class ReportSettings(StageSettings):
    """The page of a refresh."""

    every_refresh: bool = Field(
        True,
        description="make the page at the end of each refresh that has something new; nightshift report makes it, too",
        json_schema_extra=operational(),
    )
    samples: int = Field(
        2,
        ge=0,
        le=20,
        description="documents shown of each reason, shortened, without the personal data that is found; 0: none",
        json_schema_extra=operational("documents"),
    )
    keep_pages: int = Field(
        30,
        ge=1,
        description="the newest pages stay",
        json_schema_extra=operational("pages"),
    )
