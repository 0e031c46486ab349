"""What models have learned that is forgotten now: versions are tagged, and a killed `nightshift forget` is ended."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.forget.certificate import place_of
from pipeline_lib.forget.find import with_heirs
from pipeline_lib.forget.work import resume
from pipeline_lib.register.forgotten import tag_version, tag_versions
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import VERSION, registry_of
from pipeline_lib.register.standing import Standing
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.forgotten import Tombstone, read_tombstones
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

Say = Callable[[str], None]


def go_on(settings: Settings, workspace: Workspace, say: Say) -> None:
    """End what a killed `nightshift forget` had begun."""
    certified(workspace, resume(workspace, time.time, partial(learners, settings, workspace, say)), say)


def certified(workspace: Workspace, done: Sequence[Tombstone], say: Say) -> None:
    """Say of what is forgotten where its certificate lies."""
    for stone in done:
        say(f"a document is forgotten; certificate: {place_of(workspace, stone)}")


def learners(settings: Settings, workspace: Workspace, say: Say) -> Mapping[str, Sequence[str]]:
    """The versions that learned what is forgotten, by fingerprint of their model; tagged now."""
    found: dict[str, list[str]] = {}
    for one in tagged(settings, workspace, say):
        found.setdefault(one.model, []).append(f"{one.name} version {one.number}")
    return found


def tagged(settings: Settings, workspace: Workspace, say: Say) -> Sequence[Standing]:
    """Tag the versions that learned what is forgotten; those. A registry that does not answer is tagged later."""
    counts = _counts(workspace.store, read_tombstones(workspace.root))
    if not counts:
        return ()
    registry = registry_of(settings.of(RegisterSettings), workspace.root)
    recorded = {str(found.facts["name"]) for found in workspace.store.list(VERSION.name)}
    try:
        return tag_versions(registry, recorded, counts)
    except NightshiftError as exc:
        say(_later(exc))
        return ()


def tag_registered(
    registry: Registry, store: Store, step: Step, number: int, stones: Sequence[Tombstone], say: Say
) -> None:
    """Tag a version that a step has registered just now, if its model, or one it goes on from, has learned any of what
    is forgotten. A registry that does not answer is tagged later."""
    count = _counts(store, stones)[step.whole.inputs["model"].fingerprint]
    try:
        if count:
            tag_version(registry, number, count)
    except NightshiftError as exc:
        say(_later(exc))


def _counts(store: Store, stones: Sequence[Tombstone]) -> Counter[str]:
    """By fingerprint of a model how many forgotten documents it has learned."""
    return Counter(model for stone in stones for model in with_heirs(store, stone.models))


def _later(exc: NightshiftError) -> str:
    return f"versions that learned what is forgotten are not tagged yet; maintenance does it: {exc}"
