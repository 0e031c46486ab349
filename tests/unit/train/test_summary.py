"""What training.json says, by hand."""

from pipeline_lib.train.summary import final_loss, last_row_of_each_step, loss_curve


def rows(*losses: float, phase: str = "trunk") -> list[dict[str, object]]:
    return [{"step": step, "loss": loss, "phase": phase} for step, loss in enumerate(losses, start=1)]


def test_a_step_that_was_done_again_counts_once() -> None:
    assert last_row_of_each_step([*rows(5.0, 4.0, 3.0), {"step": 2, "loss": 4.5, "phase": "trunk"}]) == rows(
        5.0, 4.5, 3.0
    )


def test_a_long_curve_is_shortened_to_means() -> None:
    assert loss_curve(rows(6.0, 4.0, 3.0, 1.0, 7.0), num_points=3) == [[2, 5.0], [4, 2.0], [5, 7.0]]
    assert len(loss_curve(rows(*range(1001)))) <= 200


def test_the_final_loss_is_the_mean_of_the_last_ten_steps() -> None:
    assert final_loss(rows(100.0, *range(10)), "trunk") == 4.5
    assert final_loss(rows(1.0), "branch") is None
