"""The order of the rows depends on the seed and the epoch alone."""

import numpy as np

from pipeline_lib.store.token_shards import open_rows
from pipeline_lib.train.job import TrainInputs
from pipeline_lib.train.rows import MixedRows, RowOrder, inputs_and_targets


def test_an_epoch_takes_each_new_row_once_and_the_wanted_share_of_replay() -> None:
    order = RowOrder(num_new=80, num_replay=1000, replay_share=0.2, seed=1)
    rows = order.of_epoch(0)
    assert order.rows_per_epoch == 100
    assert sorted(rows[rows < 80]) == list(range(80))
    assert len(set(rows[rows >= 80])) == 20
    assert rows.max() < 1080


def test_replay_is_what_there_is_when_there_is_little() -> None:
    assert RowOrder(num_new=80, num_replay=5, replay_share=0.2, seed=1).replay_per_epoch == 5
    assert RowOrder(num_new=80, num_replay=0, replay_share=0.2, seed=1).rows_per_epoch == 80


def test_an_epoch_that_is_too_short_is_filled_up_with_replay() -> None:
    """100 rows are there by the share; 150 are wanted: 80 new ones and 70 of replay. Enough rows stay as they are."""
    order = RowOrder(num_new=80, num_replay=1000, replay_share=0.2, seed=1)
    filled = order.filled_up(150)
    assert (filled.rows_per_epoch, filled.replay_per_epoch) == (150, 70)
    assert sorted(row for row in filled.of_epoch(0) if row < 80) == list(range(80))
    assert order.filled_up(100) == order
    assert RowOrder(num_new=80, num_replay=0, replay_share=0.2, seed=1).filled_up(150).rows_per_epoch == 80


def test_the_order_changes_with_the_epoch_and_the_seed_only() -> None:
    order = RowOrder(num_new=50, num_replay=50, replay_share=0.5, seed=1)
    again = RowOrder(num_new=50, num_replay=50, replay_share=0.5, seed=1)
    other = RowOrder(num_new=50, num_replay=50, replay_share=0.5, seed=2)
    assert order.of_epoch(3).tolist() == again.of_epoch(3).tolist()
    assert order.of_epoch(3).tolist() != order.of_epoch(4).tolist()
    assert order.of_epoch(3).tolist() != other.of_epoch(3).tolist()


def test_the_branch_goes_on_where_the_trunk_ended(inputs: TrainInputs) -> None:
    table = open_rows(inputs.new_rows)
    order = RowOrder(table.num_rows, table.num_rows, replay_share=0.5, seed=1)
    whole = MixedRows(table, table, order, first=0, num_rows=3 * order.rows_per_epoch)
    rest = MixedRows(table, table, order, first=order.rows_per_epoch - 1, num_rows=4)
    assert [rest[index].tolist() for index in range(4)] == [
        whole[order.rows_per_epoch - 1 + index].tolist() for index in range(4)
    ]


def test_replay_rows_come_from_the_replay_table(inputs: TrainInputs) -> None:
    table = open_rows(inputs.new_rows)
    order = RowOrder(table.num_rows, table.num_rows, replay_share=0.5, seed=1)
    mixed = MixedRows(table, table, order, first=0, num_rows=order.rows_per_epoch)
    read = sorted(row.tolist() for row in (mixed[index] for index in range(len(mixed))))
    assert read == sorted(2 * [np.asarray(table.rows[row]).tolist() for row in range(table.num_rows)])


def test_targets_follow_the_inputs_and_padding_is_none() -> None:
    inputs, targets = inputs_and_targets(np.array([[5, 6, 7, 9, 9]]), pad_id=9)
    assert inputs.tolist() == [[5, 6, 7, 9]]
    assert targets.tolist() == [[6, 7, -100, -100]]
