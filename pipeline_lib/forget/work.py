"""Forgetting a document, step by step, each of which may be done twice.

    bury      its tombstone: from then on it is refused, and left out of what is made
    judged    it leaves the benchmarks, with the scores on it: these are few and small
    purge     it leaves all artifacts; before the first one its names are written down (names.py), and go with the last
    certify   what was removed, and what remains, on record without a name

A kill leaves a tombstone without a purge, which maintenance ends, or names that the next command goes on with.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.forget.certificate import certify
from pipeline_lib.forget.columns import Taking
from pipeline_lib.forget.find import Sought, models_that_learned, still_named, with_all_versions
from pipeline_lib.forget.names import Names, begin, begun, end
from pipeline_lib.forget.purge import purge, purge_judged
from pipeline_lib.store.forgotten import Tombstone, forget_key, read_tombstones, save_tombstones
from pipeline_lib.store.workspace import Workspace

Told = Callable[[int, int], None]
Versions = Callable[[], Mapping[str, Sequence[str]]]  # by fingerprint of a model what it is registered as, once tagged


def tell_nobody(_done: int, _total: int) -> None:
    """Nobody watches."""


def none_registered() -> Mapping[str, Sequence[str]]:
    """Nothing is registered."""
    return {}


def bury(workspace: Workspace, sought: Sought, *, at: float) -> Tombstone:
    """Leave a document out of all that is made from now on, at once. It has left the benchmarks when this returns."""
    key = forget_key(workspace.root)
    stone = sought.stone(key, at=at, models=models_that_learned(workspace, sought))
    known = read_tombstones(workspace.root)
    before = [lay for one in known if one.place == stone.place for lay in one.lay]  # whose holes are there for good
    stone = replace(stone, lay=tuple(dict.fromkeys([*before, *stone.lay])))
    save_tombstones(workspace.root, [*(one for one in known if one.place != stone.place), stone])
    purge_judged(workspace.store, Taking((with_all_versions(workspace.store, sought.names(key), key),)))
    return stone


def purge_buried(
    workspace: Workspace, now: Callable[[], float], versions: Versions = none_registered, told: Told = tell_nobody
) -> list[Tombstone]:
    """Take out what is buried and still there, and what a kill cut off; the tombstones of that."""
    waiting = [one for one in read_tombstones(workspace.root) if one.purged is None]
    names = begun(workspace.root)
    known = {one.place for one in names}
    if others := [one for one in waiting if one.place not in known]:
        key = forget_key(workspace.root)
        names += [found for one in others if (found := still_named(workspace, one, key)) is not None]
    return _purged(workspace, names, {one.place for one in waiting}, now, versions, told) if waiting or names else []


def resume(
    workspace: Workspace, now: Callable[[], float], versions: Versions = none_registered, told: Told = tell_nobody
) -> list[Tombstone]:
    """Go on with what a kill cut off; the tombstones of that."""
    names = begun(workspace.root)
    return _purged(workspace, names, set(), now, versions, told) if names else []


def _purged(
    workspace: Workspace,
    names: Sequence[Names],
    waiting: Collection[str],
    now: Callable[[], float],
    versions: Versions,
    told: Told,
) -> list[Tombstone]:
    """`waiting`: the places of what has no name any more, since nothing of it is there, too."""
    if names:
        key = forget_key(workspace.root)
        names = [with_all_versions(workspace.store, one, key) for one in names]
        begin(workspace.root, names)
        purge(workspace, Taking(tuple(names)), told)
    called = {one.place: one for one in names}
    done = _ended(workspace, {*called, *waiting}, now())
    failpoint("forget", "purged")
    registered = versions() if done else {}
    for stone in done:
        own = [version for model in stone.models for version in registered.get(model, ())]
        certify(workspace, stone, called.get(stone.place), own)
    end(workspace.root)
    return done


def _ended(workspace: Workspace, places: Collection[str], at: float) -> list[Tombstone]:
    """The tombstones of these places, which are purged now."""
    stones = [
        replace(one, purged=at) if one.place in places and one.purged is None else one
        for one in read_tombstones(workspace.root)
    ]
    save_tombstones(workspace.root, stones)
    return [one for one in stones if one.place in places]
