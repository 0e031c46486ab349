"""How far a night goes, and which token shards it needs for that: from a snapshot alone, before any file is opened."""

from collections.abc import Sequence

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.store.artifact import digest_of
from pipeline_lib.train.cursor import (
    Cursor,
    Recipe,
    Text,
    portions_ahead,
    read_before,
    samples_left,
    with_least_samples,
)
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.steps import Extent


def text_of(settings: TrainSettings, shards: Sequence[Arrived]) -> Text:
    """A snapshot as it is read with these settings."""
    return Text(shards, Recipe(settings.context_tokens, settings.packing, settings.seed), settings.num_epochs)


def num_replay_rows(settings: TrainSettings, num_new: int, num_known: int) -> int:
    """Replay among so many new rows, as far as there is enough: share * (new + replay) = replay."""
    return min(num_known, round(num_new * settings.replay_share / (1 - settings.replay_share)))


def planned_rows(settings: TrainSettings, cursor: Cursor, shards: Sequence[Arrived]) -> int:
    """The end of a night in rows of trunk and branch, as far as a snapshot tells it: no file is opened.

    Best fit leaves up to 2 % of the room. Raises `SettingsError` when there is nothing to read.
    """
    return _extent(settings, cursor, shards).steps().num_steps * settings.batch_rows


def nights_left(settings: TrainSettings, cursor: Cursor, shards: Sequence[Arrived]) -> int:
    """About how many nights it takes to read all there is, when each has as many steps as tonight may have.

    What a branch reads is not read by the trunk. A budget in minutes is not asked. Raises as `planned_rows`.
    """
    extent = _extent(settings, cursor, shards)
    return -(-extent.trunk_rows // (extent.steps().trunk_steps * settings.batch_rows))


def _extent(settings: TrainSettings, cursor: Cursor, shards: Sequence[Arrived]) -> Extent:
    """With all that is unread, and the replay among it, in front of it."""
    text = text_of(settings, shards)
    ahead = portions_ahead(cursor, text, lambda portion: with_least_samples(portion, text))
    num_new = sum(map(samples_left, ahead))
    if num_new == 0:
        raise SettingsError("train: all text was read. Raise train.num_epochs to read it once more, or add documents.")
    num_new += 0 if settings.packing == "contiguous" else num_new // 50 + 1
    num_known = sum(one.num_tokens for one in read_before(cursor, text)) // settings.context_tokens
    num_rows = num_new + num_replay_rows(settings, num_new, num_known)
    return Extent(settings, num_rows, cursor.num_steps, settings.max_steps)


def shards_to_open(settings: TrainSettings, cursor: Cursor, shards: Sequence[Arrived], num_rows: int) -> set[str]:
    """The token shards that a training of so many rows needs: what it reads, and enough for its replay.

    Which of those that were read before is drawn anew each night, so that all of them come.
    """
    text = text_of(settings, shards)
    wanted: set[str] = set()
    left = num_rows
    for portion in portions_ahead(cursor, text, lambda portion: with_least_samples(portion, text)):
        wanted.update(portion.shards)
        left -= samples_left(portion)
        if left <= 0:
            break
    others = [one for one in read_before(cursor, text) if one.shard not in wanted]
    num_tokens = 0
    for one in sorted(others, key=lambda one: digest_of([settings.seed, cursor.num_steps, one.shard])):
        if num_tokens >= num_rows * settings.context_tokens:
            break
        wanted.add(one.shard)
        num_tokens += one.num_tokens
    return wanted
