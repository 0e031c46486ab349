"""What a training reads, position by position: unread text mixed with replay, then all of it once more for the branch.

Position p of a training (row p of its trunk and branch, counted through) is a function of snapshot, cursor, recipe and
planned end alone, so a resumed run, or the branch behind the trunk, goes on by counting. Replay is spread evenly: of
`total` positions `num_replay` are replay, the p-th is one where p * num_replay / total passes a whole number. What lies
behind the end of unread text is a pass over all that was opened: a short night's branch would otherwise read its few
new documents again and again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.model.reading.documents import Documents, Shard, open_documents
from pipeline_lib.model.reading.index import ReadingIndex, Spans, Specials, build_index, joined
from pipeline_lib.train.cursor import Cursor, Portion, Recipe, advanced, portions_ahead, samples_left
from pipeline_lib.train.extent import num_replay_rows, text_of
from pipeline_lib.train.job import TokensInput
from pipeline_lib.train.settings import TrainSettings


@dataclass(frozen=True)
class Stretch:
    """What is read of one portion: `count` samples from where it was left."""

    portion: Portion  # as it was when the training began
    index: ReadingIndex
    count: int


@dataclass(frozen=True)
class Reading:
    """All samples of a training, by position."""

    documents: Documents
    shards: tuple[str, ...]  # fingerprints, in the order of `documents`
    stretches: tuple[Stretch, ...]
    replay: ReadingIndex
    num_replay: int  # samples of replay among the unread ones
    recipe: Recipe
    cursor: Cursor  # when the training began

    @property
    def num_new(self) -> int:
        """Samples that are read for the first time in their pass."""
        return sum(stretch.count for stretch in self.stretches)

    @property
    def total(self) -> int:
        """Positions until unread text ends, replay included."""
        return self.num_new + self.num_replay

    @cached_property
    def again(self) -> ReadingIndex:
        """What follows: a pass over everything that is open."""
        return _index(self.documents, range(len(self.shards)), self.recipe, self.cursor.num_steps)

    def at(self, position: int) -> tuple[ReadingIndex, int]:
        """The index and the place in it that are read at a position."""
        if position >= self.total:
            return self.again, (position - self.total) % len(self.again)
        replayed = self._replayed(position)
        if self._replayed(position + 1) > replayed:
            return self.replay, replayed
        return self._new(position - replayed)

    def spans(self, first: int, last: int) -> Spans:
        """What is read at the positions first, ..., last - 1; what `again` reads there more than once comes once."""
        return joined([index.spans(place, count) for index, place, count in self._places(first, last) if count])

    def cursor_behind(self, num_rows: int, num_steps: int) -> Cursor:
        """The cursor of a trunk that read so many positions in so many steps."""
        cursor = self.cursor
        for stretch, count in self._read(num_rows):
            cursor = advanced(cursor, stretch.portion, count)
            if count < samples_left(stretch.portion):
                break
        return replace(cursor, num_steps=self.cursor.num_steps + num_steps)

    def account(self, num_rows: int) -> dict[str, Any]:
        """What so many positions read of unread text, for training.json. Places are [shard, row], both included."""
        read = [(stretch, count) for stretch, count in self._read(num_rows) if count]
        portions = [stretch.portion for stretch, _ in read]
        return {
            "from": [portions[0].shards[0], 0] if portions else None,
            "to": self._last_place(portions[-1].shards[-1]) if portions else None,
            "portions": [_facts(stretch, count) for stretch, count in read],
            "num_documents": sum(len(one.index.documents_of(one.portion.num_read, count)) for one, count in read),
            "num_tokens": sum(one.index.num_pairs(one.portion.num_read, count) for one, count in read),
            "num_new_rows": sum(count for _, count in read),
            "num_replay_rows": self._replayed(min(num_rows, self.total)),
        }

    def _places(self, first: int, last: int) -> Iterator[tuple[ReadingIndex, int, int]]:
        """The places that are read at these positions, index by index: the first one, and how many from there on."""
        for (stretch, before), (_, behind) in zip(self._read(first), self._read(last), strict=True):
            yield stretch.index, stretch.portion.num_read + before, behind - before
        start, end = (self._replayed(min(position, self.total)) for position in (first, last))
        yield self.replay, start, end - start
        if last > self.total:
            start, num_places = max(0, first - self.total), len(self.again)
            count = min(last - self.total - start, num_places)
            start %= num_places
            yield self.again, start, min(count, num_places - start)
            yield self.again, 0, max(0, count - (num_places - start))

    def _replayed(self, position: int) -> int:
        return position * self.num_replay // max(1, self.total)

    def _new(self, number: int) -> tuple[ReadingIndex, int]:
        for stretch in self.stretches:
            if number < stretch.count:
                return stretch.index, stretch.portion.num_read + number
            number -= stretch.count
        raise IndexError(number)

    def _read(self, num_rows: int) -> list[tuple[Stretch, int]]:
        """Of each stretch what lies in the first positions."""
        num_new = min(num_rows, self.total) - self._replayed(min(num_rows, self.total))
        found = []
        for stretch in self.stretches:
            found.append((stretch, min(stretch.count, num_new)))
            num_new -= found[-1][1]
        return found

    def _last_place(self, shard: str) -> list[Any]:
        number = self.shards.index(shard)
        return [shard, int(self.documents.firsts[number + 1] - self.documents.firsts[number]) - 1]


@dataclass(frozen=True)
class Rows:
    """A map-style dataset: the positions `first` to `first + num_rows` of a reading."""

    reading: Reading
    specials: Specials
    first: int
    num_rows: int

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, number: int) -> Mapping[str, NDArray[np.int64]]:
        """One row of T inputs, targets and positions, by the names that models give them."""
        index, place = self.reading.at(self.first + number)
        batch = index.batch(place, 1, self.specials)
        return {"input_ids": batch.inputs_BT[0], "labels": batch.targets_BT[0], "position_ids": batch.positions_BT[0]}


def open_reading(settings: TrainSettings, tokens: Sequence[TokensInput], cursor: Cursor, num_rows: int) -> Reading:
    """Map the shards of a training and lay out its positions, up to its planned end, `num_rows`."""
    opened = [one for one in tokens if one.path is not None]
    documents = open_documents(
        [Shard(one.path, one.arrived.heldout_share, one.excluded, one.span) for one in opened if one.path]
    )
    shards = tuple(one.arrived.shard for one in opened)
    text = text_of(settings, [one.arrived for one in tokens])
    stretches: list[Stretch] = []
    left = num_rows
    for portion in portions_ahead(cursor, text, lambda portion: _packed(documents, shards, portion)):
        index = _portion_index(documents, shards, portion)
        stretches.append(Stretch(portion, index, min(left, samples_left(portion))))
        left -= stretches[-1].count
        if left <= 0:
            break
    new = {shard for stretch in stretches for shard in stretch.portion.shards}
    replay = _index(
        documents, [number for number, name in enumerate(shards) if name not in new], text.recipe, cursor.num_steps
    )
    num_replay = num_replay_rows(settings, sum(stretch.count for stretch in stretches), len(replay))
    return Reading(documents, shards, tuple(stretches), replay, num_replay, text.recipe, cursor)


def _packed(documents: Documents, shards: Sequence[str], portion: Portion) -> Portion:
    """A portion that is begun now: what is excluded now is left out of its samples for good."""
    left_out, taken = {}, {}
    for shard in portion.shards:
        first, own = int(documents.firsts[shards.index(shard)]), _rows_of(documents, shards, portion, shard)
        is_out = documents.is_excluded[first + own]
        left_out.update({shard: tuple(own[is_out].tolist())} if is_out.any() else {})
        counts = (int((~is_out).sum()), int(documents.lengths[first + own[~is_out]].sum()))
        if portion.only:  # what the snapshot counts is dealt with by this, whatever it was
            taken[shard] = (max(counts[0], portion.taken[shard][0]), max(counts[1], portion.taken[shard][1]))
        elif is_out.any():
            taken[shard] = counts
    packed = replace(portion, left_out=left_out, taken=taken)
    return replace(packed, num_samples=len(_portion_index(documents, shards, packed)))


def _rows_of(documents: Documents, shards: Sequence[str], portion: Portion, shard: str) -> NDArray[np.int64]:
    """The rows of a shard that a portion is of, excluded ones and all, int64, rising."""
    first, last = documents.firsts[shards.index(shard) :][:2]
    trained = np.flatnonzero(documents.is_train[first:last])
    return np.intersect1d(trained, np.array(portion.only[shard], np.int64)) if portion.only else trained


def _portion_index(documents: Documents, shards: Sequence[str], portion: Portion) -> ReadingIndex:
    own = [documents.firsts[shards.index(name)] + _rows_of(documents, shards, portion, name) for name in portion.shards]
    left_out = [
        documents.firsts[shards.index(shard)] + np.array(rows, np.int64) for shard, rows in portion.left_out.items()
    ]
    chosen = np.setdiff1d(_joined(own), _joined(left_out))
    return _build(documents, chosen, portion.recipe, portion.epoch)


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _index(documents: Documents, shards: Sequence[int], recipe: Recipe, key: int) -> ReadingIndex:
    """An index of what these shards hold by now, in an order that belongs to the key."""
    chosen = documents.of_shards(shards)
    return _build(documents, chosen[~documents.is_excluded[chosen]], recipe, key)


def _build(documents: Documents, chosen: NDArray[np.int64], recipe: Recipe, epoch: int) -> ReadingIndex:
    return build_index(
        documents, chosen, context=recipe.context_tokens, packing=recipe.packing, seed=recipe.seed, epoch=epoch
    )


def _facts(stretch: Stretch, count: int) -> dict[str, Any]:
    """A portion as training.json tells it: samples `first` to `last` of `num_samples`."""
    portion = stretch.portion
    first, last = portion.shards[0], portion.shards[-1]
    samples = {"num_samples": portion.num_samples, "num_read_before": portion.num_read, "num_read": count}
    return {"first_shard": first, "last_shard": last, "epoch": portion.epoch, **samples}
