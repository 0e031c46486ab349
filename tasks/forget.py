"""Forgetting in a run of its own, or within maintenance: what is taken out, certified, and told to the registry."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.forget.certificate import place_of
from pipeline_lib.forget.find import Sought, with_heirs
from pipeline_lib.forget.work import bury, purge_buried, resume
from pipeline_lib.register.forgotten import tag_version, tag_versions
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import VERSION, registry_of
from pipeline_lib.register.standing import Standing
from pipeline_lib.run.step import Step
from pipeline_lib.store.forgotten import Tombstone, read_tombstones
from pipeline_lib.store.local import Store
from tasks.night import Night


def forget(night: Night, sought: Sought, *, is_now: bool) -> Tombstone:
    """Bury a document, and take it out of all artifacts where that `is_now`; its tombstone."""
    night.enter("forget", "looking")
    stone = bury(night.workspace, sought, at=time.time())
    if is_now:
        purge(night)
        return next(one for one in read_tombstones(night.workspace.root) if one.place == stone.place)
    tagged(night)
    return stone


def purge(night: Night) -> list[Tombstone]:
    """Take out what is buried; the tombstones of that."""
    night.enter("forget", "taking out")
    return _said(
        night, purge_buried(night.workspace, time.time, partial(_registered, night), partial(_progress, night))
    )


def go_on(night: Night) -> list[Tombstone]:
    """End what a killed `nightshift forget` had begun; the tombstones of that."""
    return _said(night, resume(night.workspace, time.time, partial(_registered, night)))


def _said(night: Night, done: list[Tombstone]) -> list[Tombstone]:
    for stone in done:
        night.reporter.say(f"a document is forgotten; certificate: {place_of(night.workspace, stone)}")
    return done


def _progress(night: Night, done: int, total: int) -> None:
    night.reporter.progress(done, total, "artifacts")


def _registered(night: Night) -> Mapping[str, Sequence[str]]:
    """The versions that learned what is forgotten, by fingerprint of their model; tagged now."""
    found: dict[str, list[str]] = {}
    for one in tagged(night):
        found.setdefault(one.model, []).append(f"{one.name} version {one.number}")
    return found


def tagged(night: Night) -> Sequence[Standing]:
    """Tag the versions that learned what is forgotten; those. A registry that does not answer is tagged later."""
    counts = _counts(night.workspace.store, read_tombstones(night.workspace.root))
    if not counts:
        return ()
    registry = registry_of(night.settings.of(RegisterSettings), night.workspace.root)
    recorded = {str(found.facts["name"]) for found in night.workspace.store.list(VERSION.name)}
    try:
        return tag_versions(registry, recorded, counts)
    except NightshiftError as exc:
        night.reporter.say(_later(exc))
        return ()


def tag_registered(
    registry: Registry, store: Store, step: Step, number: int, stones: Sequence[Tombstone], say: Callable[[str], None]
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
