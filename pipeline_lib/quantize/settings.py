"""Settings of [quantize]."""

from typing import Literal

from pydantic import Field

from pipeline_lib.base.settings import StageSettings


class QuantizeSettings(StageSettings):
    """How the small variant is made and what it is checked on."""

    scheme: Literal["onnx_int8_dynamic.v1"] = Field(
        "onnx_int8_dynamic.v1", description="int8 weights, activations quantized as they come; CPU"
    )
    per_channel: bool = Field(True, description="a scale for each output channel, not one for the whole matrix")
    parity_documents: int = Field(
        16,
        ge=1,
        le=1000,
        description="held-out documents on which the exported model must agree with torch",
        json_schema_extra={"unit": "documents"},
    )
    parity_tokens: int = Field(64, ge=8, description="tokens of each of them", json_schema_extra={"unit": "tokens"})
    max_logit_difference: float = Field(
        1e-3,
        gt=0,
        description="the float32 export may differ from torch by this much; 1e-6 is usual, more is a wrong export",
        json_schema_extra={"unit": "logit"},
    )
    threads: int = Field(
        2,
        ge=1,
        le=256,
        description="the order of sums, and so the last digits of the check, depend on their number",
        json_schema_extra={"unit": "threads"},
    )
