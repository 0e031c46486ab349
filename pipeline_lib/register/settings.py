"""Settings of [register]."""

from typing import Literal

from pydantic import Field, field_validator

from pipeline_lib.base.secrets import has_secret
from pipeline_lib.base.settings import StageSettings, operational


class GateSettings(StageSettings):
    """What a challenger must show before it takes the champion's place."""

    alpha: float = Field(
        0.02,
        gt=0,
        lt=0.5,
        description="how often a model that is no better may pass for one that is; the same of each proof of a loss",
        json_schema_extra={"unit": "share of nights"},
    )
    min_improvement_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="the challenger must be better than the champion by more than this, at the lower end",
        json_schema_extra={"unit": "share of bits per byte"},
    )
    max_regression_share: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="no slice (source, language, length) may be worse by more than this, as far as that is proven",
        json_schema_extra={"unit": "share of bits per byte"},
    )
    max_slice_loss_share: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="nor by more than this in the mean, where it is large enough to tell that from chance",
        json_schema_extra={"unit": "share of bits per byte"},
    )
    collapse_share: float = Field(
        0.25,
        gt=0,
        description="a document on which the challenger is worse than the champion by more than this has collapsed",
        json_schema_extra={"unit": "share of bits per byte"},
    )
    max_collapsed_share: float = Field(
        0.03,
        ge=0,
        le=1,
        description="how much of the text may collapse, or be known by heart, whatever slices it is in",
        json_schema_extra={"unit": "share of bytes"},
    )
    max_variant_loss_share: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="what each variant (quantize.schemes) may lose against its model, at the worst end of the interval",
        json_schema_extra={"unit": "share of bits per byte"},
    )
    min_bits_per_byte: float = Field(
        0.05,
        ge=0,
        description="a model that needs less has seen the answers: a person decides",
        json_schema_extra={"unit": "bits per byte"},
    )
    max_believable_gain_share: float = Field(
        0.8,
        gt=0,
        le=1,
        description="a gain above this by a model of the same size is shown to a person, who decides",
        json_schema_extra={"unit": "share of bits per byte"},
    )
    num_resamples: int = Field(10_000, ge=100, description="of the bootstrap", json_schema_extra={"unit": "resamples"})
    min_documents: int = Field(
        20,
        ge=2,
        description="an interval over fewer documents says nothing",
        json_schema_extra={"unit": "documents"},
    )
    first_min_documents: int = Field(
        8,
        ge=2,
        description="enough for a first champion, which has nobody to beat but a unigram model and its own start",
        json_schema_extra={"unit": "documents"},
    )
    seed: int = Field(0, ge=0, description="of the bootstrap")

    def needed_documents(self, *, has_champion: bool) -> int:
        """How many held-out documents it takes to judge a challenger."""
        return self.min_documents if has_champion else self.first_min_documents


class RegisterSettings(StageSettings):
    """Where models are kept, and the gate."""

    model_name: str = Field(
        "nightshift-demo",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="name of the registered model: models:/NAME@champion",
    )
    experiment: str = Field("nightshift", min_length=1, description="MLflow experiment of the nights")
    tracking_uri: str | None = Field(
        None, description="MLflow server or database (http://..., postgresql://...); None: a file in the workspace"
    )
    approval: Literal["gate", "human"] = Field(
        "gate",
        description="who promotes a model that passed the gate: the gate itself, or a person (nightshift approve)",
        json_schema_extra=operational(),
    )
    trusted_keys: tuple[str, ...] = Field(
        (),
        description="whose models may be in service beside our own: public keys (PEM), files of them, or their SHA-256",
        json_schema_extra=operational(),
    )
    gate: GateSettings = Field(default_factory=GateSettings, description="when a challenger becomes champion")

    @field_validator("tracking_uri")
    @classmethod
    def _holds_no_password(cls, uri: str | None) -> str | None:
        if uri is not None and has_secret(uri):
            raise ValueError(
                "holds a password or another secret, and settings are shown in many places; leave it out of the "
                "address. Of a server on the web put user and password into MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, a token into MLFLOW_TRACKING_TOKEN; of PostgreSQL the password into "
                "PGPASSWORD, of MySQL into a my.cnf of its client"
            )
        return uri
