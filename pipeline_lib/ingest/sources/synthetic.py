"""`synthetic`: questions and answers that a model writes about seeds, asked of any OpenAI-compatible endpoint.

A seed is a line of a file, or an object of one of JSON lines; the prompt is a template over it. Answers land
(landing.py) as rows, a question with its answer each, and every row says that it is synthetic, and of which model. What
was answered is not asked again, so that a night costs what is new; a budget bounds that.
"""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline_lib.base.secrets import has_secret
from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.records import FileSource, Slug, SourceSettings
from pipeline_lib.store.artifact import Outcome, digest_of
from pipeline_lib.store.forgotten import Refused


class SyntheticSource(SourceSettings):
    """Questions and answers that a model writes about seeds: a document a pair."""

    kind: Literal["synthetic"] = "synthetic"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    endpoint: str = Field(
        description='Where it is asked: "http://127.0.0.1:8000/v1", without a key.', json_schema_extra=operational()
    )
    model: str = Field(min_length=1, description="Name of the model there.", json_schema_extra=operational())
    key_variable: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the key.",
        json_schema_extra=operational(),
    )
    seeds: Path = Field(
        description="A file with a seed a line; of .jsonl an object a line. Its content is sent to the endpoint.",
        json_schema_extra=operational(),
    )
    prompt: str = Field(
        description='What is asked of a seed: "Write about {seed}"; of .jsonl its fields: "{title}: {meta.about}".',
        json_schema_extra=operational(),
    )
    num_pairs: int = Field(
        default=3, ge=1, le=50, description="At most so many are taken of a seed.", json_schema_extra=operational()
    )
    temperature: float = Field(default=0.7, ge=0, le=2, description="Of the model.", json_schema_extra=operational())
    max_answer_tokens: int = Field(
        default=1024, ge=16, description="At most so long is an answer.", json_schema_extra=operational("tokens")
    )
    max_tries: int = Field(
        default=3,
        ge=1,
        le=10,
        description="So often a seed is asked for an answer of the right form; then it is left out.",
        json_schema_extra=operational(),
    )
    max_requests: int = Field(
        default=1000, ge=1, description="At most so many a night.", json_schema_extra=operational("requests")
    )
    max_tokens: int = Field(
        default=1_000_000,
        ge=1,
        description="At most so many a night, of prompts and answers.",
        json_schema_extra=operational("tokens"),
    )
    max_cost: float | None = Field(
        default=None,
        gt=0,
        description="At most so much money a night, in the currency of the prices.",
        json_schema_extra=operational(),
    )
    price_in: float | None = Field(
        default=None, ge=0, description="Of a million tokens of prompts.", json_schema_extra=operational()
    )
    price_out: float | None = Field(
        default=None, ge=0, description="Of a million tokens of answers.", json_schema_extra=operational()
    )
    max_connections: int = Field(
        default=4, ge=1, le=64, description="So many requests at a time.", json_schema_extra=operational("connections")
    )
    timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="An answer that takes longer is given up, and asked for again.",
        json_schema_extra=operational("seconds"),
    )

    @field_validator("endpoint")
    @classmethod
    def _is_an_endpoint(cls, given: str) -> str:
        if has_secret(given):
            raise ValueError("there is a key or a password in it. Take it out, and name its variable in key_variable")
        try:
            parts = urlsplit(given)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_web = False
        if not is_web or parts.query or parts.fragment:
            raise ValueError("this is no address of an endpoint. Write https://host/v1, without a key or a password")
        return given.rstrip("/")

    @field_validator("prompt")
    @classmethod
    def _is_a_template(cls, given: str) -> str:
        from pipeline_lib.ingest.fields import parsed

        try:
            parsed(given)
        except ValueError as exc:
            raise ValueError(f"{exc}. Write names of fields in brackets, as in 'Write about {{seed}}'") from exc
        return given

    @model_validator(mode="after")
    def _has_prices(self) -> Self:
        if self.max_cost is not None and (self.price_in is None or self.price_out is None):
            raise ValueError("max_cost needs price_in and price_out, of a million tokens each")
        return self

    @property
    def recipe(self) -> str:
        """The digest of what decides an answer: a seed that was asked by another one is asked again."""
        return digest_of([self.model, self.prompt, self.num_pairs, self.temperature, self.max_answer_tokens])

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Ask about the seeds that are new, within the budget, and write what was answered."""
        from pipeline_lib.ingest.landing import Landing
        from pipeline_lib.ingest.places import kept_beside
        from pipeline_lib.ingest.synthetic.night import write_night

        with Landing(self.name, "", folder, before, places, refused) as landing:
            return write_night(self, landing, before, kept_beside(places), folder, max_gone_share)

    def landed(self, landing: Path) -> FileSource:
        """The pieces of a landing."""
        from pipeline_lib.ingest.synthetic.landed import LandedPairs

        return LandedPairs(landing, "text")
