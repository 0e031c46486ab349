"""Patience with a server that only shows: bounded in all, whatever the server does."""

import time

import pytest

from tasks.patience import USUAL_SECONDS, NotShown, Patience

BUSY_SECONDS = 20.0  # what a machine that is busy may add


def test_what_a_server_answers_is_given_on_and_costs_nothing() -> None:
    patience = Patience(0.5)
    assert [patience.ask(lambda number=number: number) for number in range(200)] == list(range(200))
    assert patience.ask(lambda: None) is None
    assert not patience.is_over


def test_one_that_hangs_is_waited_for_once() -> None:
    patience, started, asked = Patience(0.3), time.monotonic(), []

    def hang() -> None:
        asked.append(1)
        time.sleep(60)

    for _ in range(5):
        with pytest.raises(NotShown):
            patience.ask(hang)
    assert time.monotonic() - started < BUSY_SECONDS
    assert asked == [1]


def test_one_that_fails_is_given_up_and_the_fault_is_known() -> None:
    patience = Patience(30)
    with pytest.raises(NotShown) as caught:
        patience.ask(lambda: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(NotShown):
        patience.ask(lambda: 1)


def test_one_that_is_slow_uses_patience_up() -> None:
    patience = Patience(0.2)
    with pytest.raises(NotShown):
        for _ in range(3):
            patience.ask(lambda: time.sleep(USUAL_SECONDS + 0.15))
    assert patience.is_over
