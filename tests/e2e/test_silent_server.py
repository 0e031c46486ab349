"""A server that falls silent between any two of its answers: the night ends soon, and the next one tells of it."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from flows.servers import start_prefect
from flows.standing import Standing, remember
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import Workspace
from tests.e2e.conftest import House
from tests.relayed import Relay, relayed
from tests.servers_up import answered
from tests.tiny_night import copy_house, run_night

# A night with nothing new makes 19 requests, of which 7 come before its work begins. Each but the first of these is
# asked for twice, and what is kept a third time; each waits two seconds and a half at most. It is 9 s in all on a
# machine that does nothing else.
MOST_IN_VAIN = 3
MOST_SECONDS = 20.0
BEFORE_THE_WORK = (0, 1, 5, 7)
IN_THE_WORK = (8, 12)


@dataclass(frozen=True)
class Shown:
    """A house whose standing server is seen through a relay, and how long a night with nothing new takes there."""

    house: House
    relay: Relay
    seconds: float


def timed(house: House) -> float:
    started = time.monotonic()
    ended = run_night(house.workspace, house.corpus)
    assert (ended.status, ended.err) == (0, "")
    return time.monotonic() - started


def silenced(shown: Shown, answers: int) -> float:
    """The seconds of a night whose server falls silent behind so many answers."""
    shown.relay.left, shown.relay.in_vain = answers, 0
    seconds = timed(shown.house)
    shown.relay.left = None
    return seconds


@pytest.fixture(scope="module")
def shown(finished_night: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    house = copy_house(finished_night, tmp_path_factory.mktemp("silent") / "house")
    workspace = Workspace(house.workspace)
    with answered(start_prefect(workspace, print)) as server, relayed(server.url) as relay:
        since = psutil.Process().create_time()
        remember(workspace, Standing(os.getpid(), since, relay.url, relay.url, relay.url))
        yield Shown(house, relay, timed(house))


@pytest.mark.parametrize("answers", BEFORE_THE_WORK + IN_THE_WORK)
def test_a_night_does_not_wait_for_a_server_that_falls_silent(shown: Shown, answers: int) -> None:
    assert silenced(shown, answers) - shown.seconds < MOST_SECONDS
    assert shown.relay.in_vain > 0
    assert answers in IN_THE_WORK or shown.relay.in_vain <= MOST_IN_VAIN


def test_what_was_kept_is_told_by_the_next_night(shown: Shown) -> None:
    outbox = Outbox(shown.house.workspace, "prefect")
    silenced(shown, 2)
    assert not outbox.is_empty()
    timed(shown.house)
    assert outbox.is_empty()
