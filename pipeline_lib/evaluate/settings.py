"""Settings of [evaluate]."""

from pydantic import Field

from pipeline_lib.base.settings import StageSettings, operational


class EvaluateSettings(StageSettings):
    """How a model is measured. All candidates of a night are measured with the same settings."""

    max_documents: int = Field(
        400,
        ge=1,
        description="held-out documents of a benchmark, chosen by their ids; more of them narrow the interval",
        json_schema_extra={"unit": "documents"},
    )
    max_document_characters: int = Field(
        8000,
        ge=100,
        description="longer documents are scored up to here, so that no single one decides the night's time",
        json_schema_extra={"unit": "characters"},
    )
    context_tokens: int | None = Field(
        None,
        ge=8,
        description="tokens a prediction may see; None: as many as the model was made for",
        json_schema_extra={"unit": "tokens"},
    )
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="of the bootstrap interval over documents", json_schema_extra={"unit": "share"}
    )
    num_resamples: int = Field(1000, ge=100, description="of the bootstrap", json_schema_extra={"unit": "resamples"})
    noise_share: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="characters disturbed to see how robust the model is",
        json_schema_extra={"unit": "share of characters"},
    )
    noise_documents: int = Field(
        50, ge=1, description="documents scored with noise", json_schema_extra={"unit": "documents"}
    )
    speed_tokens: int = Field(
        64, ge=2, description="tokens generated to measure the speed", json_schema_extra=operational(unit="tokens")
    )
    threads: int = Field(
        2,
        ge=1,
        le=256,
        description="the order of sums, and so the last digits, depend on their number",
        json_schema_extra=operational(unit="threads"),
    )
    seed: int = Field(0, ge=0, description="of the bootstrap and the noise")
