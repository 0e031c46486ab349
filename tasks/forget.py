"""Forgetting in a run of its own, or within maintenance: what is buried, and taken out of all artifacts."""

import time
from functools import partial

from pipeline_lib.forget.find import Sought
from pipeline_lib.forget.work import bury, purge_buried
from pipeline_lib.store.forgotten import Tombstone, read_tombstones
from tasks.learned import certified, learners, tagged
from tasks.night import Night


def forget(night: Night, sought: Sought, *, is_now: bool) -> Tombstone:
    """Bury a document, and take it out of all artifacts where that `is_now`; its tombstone."""
    night.enter("forget", "looking")
    stone = bury(night.workspace, sought, at=time.time())
    if is_now:
        purge(night)
        return next(one for one in read_tombstones(night.workspace.root) if one.place == stone.place)
    tagged(night.settings, night.workspace, night.reporter.say)
    return stone


def purge(night: Night) -> None:
    """Take out what is buried."""
    night.enter("forget", "taking out")
    told = partial(learners, night.settings, night.workspace, night.reporter.say)
    certified(
        night.workspace, purge_buried(night.workspace, time.time, told, partial(_progress, night)), night.reporter.say
    )


def _progress(night: Night, done: int, total: int) -> None:
    night.reporter.progress(done, total, "artifacts")
