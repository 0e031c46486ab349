"""Steps: works that are done together and shown as one task. One step is one stage of one batch, or of the night."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store


@dataclass(frozen=True)
class Step:
    """One stage of one batch."""

    stage: str
    label: str  # "0002-installed_docs"; part of run names
    chains: tuple[tuple[Work, ...], ...]  # a chain a shard: works that one worker makes one after the other
    wholes: tuple[Work, ...]  # made after all chains, in their order
    whole: Work  # of them the one that stands for the step: it has its sums
    heads: tuple[Work, ...] = ()  # made before all chains
    firsts: tuple[Work, ...] = ()  # made beside the chains that need none of them, and before the others
    todo: frozenset[Ref] = frozenset()  # what the plan wants of it
    previous: Ref | None = None  # this stage's whole that the guard compares with
    condition: str = ""  # what plan says of work that may turn out not to be needed

    @property
    def key(self) -> str:
        """The name under which the last fingerprints of this step are kept."""
        return f"{self.stage}-{self.label}"

    @property
    def works(self) -> tuple[Work, ...]:
        """All artifacts of the step, in the order in which they are made."""
        return (*self.heads, *self.firsts, *(work for chain in self.chains for work in chain), *self.wholes)

    @property
    def kept(self) -> tuple[Work, ...]:
        """Its works in the order in which they are remembered: what stands for the step comes last."""
        return (*(work for work in self.works if work.ref != self.whole.ref), self.whole)

    def missing(self, store: Store) -> list[Work]:
        """What is wanted of it and is not there yet."""
        return [work for work in self.works if work.ref in self.todo and (work.lost or not store.is_present(work.ref))]


@dataclass(frozen=True)
class Done:
    """How a step went."""

    ref: Ref
    is_cached: bool
    num_done: int
    num_reused: int
    rows_in: int
    rows_out: int
    dropped: Mapping[str, int]
    facts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)  # of what was made, by maker and by part of a work


def done_of(step: Step, store: Store, made: Sequence[Work]) -> Done:
    """How a step stands after these works of it were made."""
    manifest = manifest_of(store, step.whole.ref)
    found = [store.read(work.ref.stage, work.ref.fingerprint) for work in made]
    return Done(
        ref=step.whole.ref,
        is_cached=not made,
        num_done=len(made),
        num_reused=len(step.works) - len(made),
        rows_in=manifest.rows_in if manifest else 0,
        rows_out=manifest.rows_out if manifest else 0,
        dropped=manifest.dropped if manifest else {},
        facts=manifest.facts if manifest else {},
        seconds=round(sum(one.seconds for one in found), 3),
        cpu_seconds=summed(one.cpu_seconds for one in found),
    )


def summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Seconds by name, added up, to a millisecond."""
    total: dict[str, float] = {}
    for part in parts:
        for name, seconds in part.items():
            total[name] = total.get(name, 0.0) + seconds
    return {name: round(seconds, 3) for name, seconds in total.items()}


def manifest_of(store: Store, ref: Ref) -> Manifest | None:
    """The manifest of an artifact; None where it is not there any more: nothing needs it, or it would be made."""
    try:
        return store.read(ref.stage, ref.fingerprint)
    except DamagedArtifact:
        return None
