"""The guard: a stage that would lose far more documents than it may stops the night, before anything is passed on."""

from dataclasses import dataclass

from pydantic import Field

from pipeline_lib.base.errors import GuardStop
from pipeline_lib.base.settings import StageSettings, operational
from pipeline_lib.store.artifact import Manifest, Outcome


class GuardSettings(StageSettings):
    """When a stage that loses documents stops the night instead."""

    max_drop_share: float = Field(
        0.9,
        gt=0,
        le=1,
        description="a stage that drops a larger share of a batch stops the night",
        json_schema_extra=operational("share of documents"),
    )
    max_drop_increase: float = Field(
        0.3,
        gt=0,
        le=1,
        description="so does one that drops this much more than it did for the batch before",
        json_schema_extra=operational("share of documents"),
    )
    min_documents: int = Field(
        100,
        ge=1,
        description="batches with fewer documents are too small to judge by shares",
        json_schema_extra=operational("documents"),
    )


@dataclass(frozen=True)
class Limits:
    """How much of a batch a stage may lose."""

    label: str
    guards: GuardSettings
    usual_share: float | None  # what the stage dropped before; None when there is nothing to compare

    def check(self, stage: str, outcome: Outcome) -> None:
        """Raise `GuardStop` when a stage lost a larger share than it may, or far more than the time before."""
        if outcome.rows_in < self.guards.min_documents:
            return
        num_lost = outcome.rows_in - outcome.rows_out
        share = num_lost / outcome.rows_in
        reasons = ", ".join(f"{r} {n}" for r, n in sorted(outcome.dropped.items(), key=lambda item: -item[1])[:3])
        lost = f"{stage} {self.label}: {num_lost} of {outcome.rows_in} documents ({share:.0%}) would go ({reasons})"
        advice = f"Nothing was passed on. Correct [{stage}], or raise that limit if this is right."
        if share > self.guards.max_drop_share:
            raise GuardStop(f"{lost}; guards.max_drop_share is {self.guards.max_drop_share:.0%}. {advice}")
        if self.usual_share is not None and share > self.usual_share + self.guards.max_drop_increase:
            raise GuardStop(
                f"{lost}, against {self.usual_share:.0%} before; guards.max_drop_increase is "
                f"{self.guards.max_drop_increase:.0%}. {advice}"
            )


def limits_of(label: str, guards: GuardSettings, before: Manifest | None) -> Limits:
    """The limits of a step, given what the stage made of the batch before."""
    is_telling = before is not None and before.rows_in >= guards.min_documents
    usual = (before.rows_in - before.rows_out) / before.rows_in if before is not None and is_telling else None
    return Limits(label, guards, usual)
