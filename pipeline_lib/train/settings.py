"""Settings of [train]."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipeline_lib.base.settings import StageSettings, neutral, operational
from pipeline_lib.model.reading.snapshot import Packing

# Of the demo's tokens, 120 steps of 4 x 256, in bits per byte: 2.731 at 1e-3, 2.677 at 2e-3, 2.744 at 4e-3.
ADAMW_RATE = 2e-3


class TrainSettings(StageSettings):
    """What decides the weights, and how far a night goes.

    The defaults give a Llama of about 1.3 million parameters at a vocabulary of 4096. How far a night goes
    (`max_steps`, `num_epochs`) enters the name of a training as its planned end, in rows, and not by itself; the budget
    in minutes may end it earlier.
    """

    context_tokens: int = Field(
        256,
        ge=2,
        le=1 << 20,
        description="what the model sees at once: a row has so many inputs, each with the token behind it as target",
        json_schema_extra={"unit": "tokens"},
    )
    packing: Packing = Field(
        "contiguous",
        description="contiguous: documents one behind the other; best_fit: as few documents cut as possible",
        json_schema_extra=neutral("contiguous"),
    )
    # restart against attend, held-out bits per byte of short trainings (300 steps, 2 layers of 64, one seed):
    # contiguous 1.933 -> 1.913, best_fit 1.916 -> 1.907, at the same CPU time.
    document_borders: Literal["attend", "restart"] = Field(
        "restart",
        description="restart: positions and attention begin anew with each document of a row; attend: they go on",
        json_schema_extra=neutral("restart"),
    )

    architecture: Literal["llama", "qwen3"] = Field(
        "llama", description="shape of the network; qwen3 normalises q and k"
    )
    hidden_size: int = Field(
        128, ge=16, multiple_of=8, description="width of the residual stream", json_schema_extra={"unit": "values"}
    )
    num_layers: int = Field(4, ge=1, description="blocks on top of each other", json_schema_extra={"unit": "layers"})
    num_heads: int = Field(
        4, ge=1, description="attention heads; divides hidden_size", json_schema_extra={"unit": "heads"}
    )
    num_kv_heads: int = Field(
        2,
        ge=1,
        description="key and value heads; divides num_heads, fewer make a smaller cache",
        json_schema_extra={"unit": "heads"},
    )
    intermediate_size: int = Field(
        344,
        ge=16,
        multiple_of=8,
        description="width of the SwiGLU block; 8/3 of hidden_size costs what a plain block of 4 does",
        json_schema_extra={"unit": "values"},
    )

    optimizer: Literal["muon", "adamw"] = Field(
        "muon", description="muon takes the matrices and AdamW the rest: half the tokens to the same loss"
    )
    learning_rate: float = Field(
        4e-3,
        gt=0,
        lt=1,
        description="rate of the trunk; not given, it is what suits the optimizer: 4e-3 with muon, 2e-3 with adamw",
        json_schema_extra={"unit": "1"},
    )
    weight_decay: float = Field(
        0.1, ge=0, lt=1, description="decoupled decay of the matrices", json_schema_extra={"unit": "1"}
    )
    max_grad_norm: float = Field(
        1.0, gt=0, description="gradients are clipped to this norm", json_schema_extra={"unit": "1"}
    )
    batch_rows: int = Field(16, ge=1, description="rows of tokens in one step", json_schema_extra={"unit": "rows"})
    warmup_share: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="first steps of a new lineage with a rising rate",
        json_schema_extra={"unit": "share of steps"},
    )
    decay_share: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="last steps, on a branch, in which the rate falls to zero; the trunk goes on without them",
        json_schema_extra={"unit": "share of steps"},
    )

    least_decay_steps: int = Field(
        80,
        ge=1,
        description="steps of the branch, also in a short night at the end of a long trunk: fewer do not settle it",
        json_schema_extra={"unit": "steps"},
    )

    num_epochs: int = Field(
        1, ge=1, le=100, description="passes over all text, over all nights", json_schema_extra=operational("passes")
    )
    max_steps: int | None = Field(
        240,
        ge=2,
        description="steps of a night at most, on trunk and branch together",
        json_schema_extra=operational("steps"),
    )
    budget_minutes: float | None = Field(
        2.0,
        ge=0,
        description="the schedule is planned from measured speed to end inside this time, but behind `least_steps`; "
        "0 trains nothing; None: no bound",
        json_schema_extra=operational("minutes"),
    )
    least_steps: int = Field(
        40,
        ge=2,
        description="steps of a night that starts from scratch, also where a slow or busy machine takes longer for "
        "them than the budget: a model of fewer is refused, and the night was for nothing",
        json_schema_extra=operational("steps"),
    )
    deadline_minutes: float = Field(
        720.0,
        gt=0,
        description="a training that takes longer writes a checkpoint and is stopped",
        json_schema_extra=operational("minutes"),
    )
    replay_share: float = Field(
        0.2,
        ge=0,
        le=0.9,
        description="share of text in the mix that was read before, against forgetting",
        json_schema_extra={"unit": "share of rows"},
    )

    restart: Literal["never", "tokenizer_or_shape", "always"] = Field(
        "tokenizer_or_shape",
        description="when a night starts from scratch: never (another tokenizer or shape is refused), with another "
        "tokenizer or shape, or always; the optimizer counts as shape, since the trunk keeps what it has gathered",
        json_schema_extra=operational(),
    )

    role: Literal["night", "trial"] = Field(
        "night",
        description="trial: trained, measured and judged as every night, but no training goes on from it",
        json_schema_extra=neutral("night"),
    )

    checkpoint_every_steps: int | None = Field(
        None, ge=1, description="a checkpoint after so many steps", json_schema_extra=operational("steps")
    )
    checkpoint_every_minutes: float | None = Field(
        0.25, gt=0, description="a checkpoint after so much time", json_schema_extra=operational("minutes")
    )
    start_documents: int = Field(
        32,
        ge=0,
        description="held-out documents on which the start and the end are scored",
        json_schema_extra=operational("documents"),
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="auto: bf16 autocast where the processor has it (twice as fast), else fp32"
    )
    threads: int = Field(
        2,
        ge=1,
        le=256,
        description="threads on a CPU; the same number gives the same bits",
        json_schema_extra=operational("threads"),
    )
    seed: int = Field(1, ge=0, description="seed of the first weights and of the order of the rows")

    @model_validator(mode="before")
    @classmethod
    def _rate_of_the_optimizer(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("optimizer") != "adamw":
            return given
        return {"learning_rate": ADAMW_RATE, **given}

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(f"hidden_size {self.hidden_size} is not an even multiple of num_heads {self.num_heads}")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads {self.num_heads} is not a multiple of num_kv_heads {self.num_kv_heads}")
        return self
