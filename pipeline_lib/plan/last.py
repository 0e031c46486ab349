"""What is remembered of steps: which artifacts they had when they were last done, what stands for each of them last.

Of batches this is so by one recipe, which is remembered beside them: where the rules of an earlier night are set again
its batches are closed, nobody does their steps, and what other rules made of them would stay behind.
"""

from dataclasses import dataclass

from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace

RECIPE = "recipe"  # it is remembered under this name, as if it were a step


@dataclass(frozen=True)
class Kept:
    """One artifact of a step."""

    maker: str
    ref: Ref


def remember(workspace: Workspace, step: Step) -> None:
    """Keep what the step consists of: the next plan tells what changed since, `why` finds its ledgers.

    What nobody wanted was not made: it is not kept, or it would be called deleted once it is wanted. A step of shards
    is kept whole, since a shard is found by its place in it.
    """
    entries = entries_of(step)
    if not step.chains:
        named = zip(step.kept, entries, strict=True)
        unmade = {entry for work, entry in named if work is not step.whole and not workspace.store.is_present(work.ref)}
        unmade.difference_update(workspace.last(step.key) if unmade else ())
        entries = [entry for entry in entries if entry not in unmade]
    workspace.save_last(step.key, entries)


def entries_of(step: Step) -> list[str]:
    """The works of a step as they are kept: the last one is what stands for it."""
    return [f"{work.maker.name} {work.fingerprint}" for work in step.kept]


def kept_of(workspace: Workspace, key: str) -> list[Kept]:
    """The artifacts that the step of this key had, in their order; none where that is not known."""
    entries = (entry.partition(" ") for entry in workspace.last(key))
    return [Kept(maker, Ref(maker.partition(".")[0], fingerprint)) for maker, _, fingerprint in entries]


def is_by(workspace: Workspace, recipe: str) -> bool:
    """Whether what is remembered of batches was made by this recipe."""
    return workspace.last(RECIPE) == [recipe]


def remember_recipe(workspace: Workspace, recipe: str) -> None:
    """From now on what is remembered of batches is by this recipe."""
    workspace.save_last(RECIPE, [recipe])
