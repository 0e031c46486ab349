"""What the stages before have made, or will make, of one batch, by name. Each stage reads some and adds its own.

board.shards["text"][3]     the artifact of shard 3 that was put up as "text"
board.wholes["decided"]     one artifact of the batch
board.carried["index"]      what a stage hands on from batch to batch, oldest first
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pipeline_lib.run.carry import Nodes, pushed, refs_of
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Ref


@dataclass(frozen=True)
class Board:
    """One batch on its way."""

    label: str  # "0003-docs"
    params: Mapping[str, Any] = field(default_factory=dict)  # of the night: the id of the key
    shards: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    wholes: Mapping[str, Ref] = field(default_factory=dict)
    carried: Mapping[str, Nodes] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def num_shards(self) -> int:
        """Shards of the batch; none when it only withdraws."""
        return len(next(iter(self.shards.values()), ()))

    def with_chains(
        self,
        stage: str,
        chains: Sequence[Mapping[str, Work]],
        lists: Mapping[str, str],
        wholes: Sequence[tuple[str, Work]] = (),
        heads: tuple[Work, ...] = (),
        firsts: tuple[Work, ...] = (),
    ) -> Self:
        """The board with one more step: for each shard some works by name, then the `lists` of some of them.

        `lists` names each list by what it lists: {"judged": "judgements"}. The last of `wholes`, or the last list where
        there is none, stands for the step.
        """
        names = list(chains[0]) if chains else list(lists)
        shards = {name: tuple(chain[name].ref for chain in chains) for name in names}
        listed = {lists[name]: list_works(stage, shards.get(name, ()), name=lists[name]) for name in lists}
        made = [work for works in listed.values() for work in works]
        every = (*made, *(work for _, work in wholes))
        own = tuple(tuple(chain.values()) for chain in chains)
        step = Step(stage, self.label, own, every, every[-1], heads, firsts)
        put_up = {name: works[-1].ref for name, works in listed.items()} | {name: work.ref for name, work in wholes}
        return replace(
            self,
            shards={**self.shards, **shards},
            wholes={**self.wholes, **put_up},
            steps=(*self.steps, step),
        )

    def adding(self, works: Mapping[str, Work]) -> Self:
        """The board with more artifacts of the batch, made at the end of its last step."""
        put_up = {name: work.ref for name, work in works.items()}
        return replace(self._with(tuple(works.values())), wholes={**self.wholes, **put_up})

    def before(self, name: str) -> tuple[Ref, ...]:
        """The artifacts that stand for all earlier batches under this name, oldest first."""
        return refs_of(self.carried.get(name, ()))

    def carrying(self, name: str, leaf: Ref, merge: Callable[[tuple[Ref, ...]], Work]) -> Self:
        """The board that hands this batch on, too; what is merged on the way is made at the end of its last step."""
        nodes, merges = pushed(self.carried.get(name, ()), leaf, merge)
        return replace(self._with(merges), carried={**self.carried, name: nodes})

    def _with(self, works: tuple[Work, ...]) -> Self:
        *others, last = self.steps
        return replace(self, steps=(*others, replace(last, wholes=(*last.wholes, *works))))
