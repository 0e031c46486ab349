"""The order of the rows: new text mixed with replay, as a function of the seed and the epoch alone.

Position p of the training is row `order(seed, epoch)[p mod rows_per_epoch]`, so a resumed run, or the branch after the
trunk, goes on by counting, and nothing has to be skipped or remembered. Every epoch takes all new rows and a fresh
sample of earlier ones, so that replay is `replay_share` of what is read (as far as there are enough).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.store.token_shards import RowTable

IGNORED = -100  # the target that cross entropy leaves out


@dataclass(frozen=True)
class RowOrder:
    """Which row is read when. Row numbers below `num_new` are new rows, the others are replay rows."""

    num_new: int
    num_replay: int  # replay rows there are
    replay_share: float
    seed: int
    least_rows: int = 0  # an epoch is filled up to this with replay, as far as there is some

    @property
    def replay_per_epoch(self) -> int:
        """Replay rows mixed into one epoch: share * rows = replay, so replay = new * share / (1 - share)."""
        share = round(self.num_new * self.replay_share / (1 - self.replay_share))
        return min(self.num_replay, max(share, self.least_rows - self.num_new))

    @property
    def rows_per_epoch(self) -> int:
        """New and replay rows of one epoch."""
        return self.num_new + self.replay_per_epoch

    def filled_up(self, num_rows: int) -> "RowOrder":
        """The order for so many rows: this one if an epoch has them, or if there is no replay to fill one up with."""
        if self.rows_per_epoch >= num_rows or self.replay_per_epoch == self.num_replay:
            return self
        return replace(self, least_rows=num_rows)

    def of_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Row numbers of one epoch in their order, int64[rows_per_epoch]."""
        generator = np.random.default_rng([self.seed, epoch])
        replay = generator.choice(self.num_replay, size=self.replay_per_epoch, replace=False)
        return generator.permutation(np.concatenate([np.arange(self.num_new), self.num_new + replay]))


@dataclass
class MixedRows:
    """Rows at the positions `first` to `first + num_rows` of the order: a map-style dataset of int64[T+1]."""

    new: RowTable
    replay: RowTable | None
    order: RowOrder
    first: int
    num_rows: int
    _epoch: int = field(default=-1, init=False)
    _rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), init=False)

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, index: int) -> NDArray[np.int64]:
        epoch, place = divmod(self.first + index, self.order.rows_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._rows = epoch, self.order.of_epoch(epoch)
        row = int(self._rows[place])
        if row < self.order.num_new or self.replay is None:
            return np.asarray(self.new.rows[row], np.int64)
        return np.asarray(self.replay.rows[row - self.order.num_new], np.int64)


def inputs_and_targets(rows_BS: NDArray[np.int64], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[B, T] inputs and the tokens that follow them; padding is no target. S = T + 1."""
    targets = rows_BS[:, 1:]
    return rows_BS[:, :-1], np.where(targets == pad_id, IGNORED, targets)
