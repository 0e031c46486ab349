"""Settings of [decontaminate]."""

from pydantic import Field

from pipeline_lib.base.settings import StageSettings


class DecontaminateSettings(StageSettings):
    """What counts as a copy of a test that others judge models by."""

    ngram_words: int = Field(
        13,
        ge=5,
        le=50,
        description="words in a row that a test shares with a document",
        json_schema_extra={"unit": "words"},
    )
