"""The champion of real nights: its promotion killed, its alias moved in MLflow, and moves without a server."""

import signal

import pytest

from flows.show.around import EXIT_FAILED
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.model.tracking import connect
from pipeline_lib.register.ledger import LEDGER_FILE
from pipeline_lib.register.registry import CHAMPION, Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from tests.registered import assert_agree, by_hand, chain, damage, shelve, standing
from tests.tiny_night import House, arguments, nightshift, run_night, tiny_settings


@pytest.fixture
def registry(house: House) -> Registry:
    settings = tiny_settings(house.workspace, house.corpus).of(RegisterSettings)
    return registry_of(settings, house.workspace.resolve())


def before_its_promotion(registry: Registry) -> None:
    """As if the night had been killed between the verdict of the gate and the first write of the promotion."""
    connect(registry.place).delete_registered_model_alias(registry.name, CHAMPION)
    (registry.folder / LEDGER_FILE).unlink()


@pytest.mark.parametrize(
    ("point", "then", "told"),
    [
        ("before_previous", "run", "the promote to version 1 was cut off, and is finished now"),
        ("after_champion", "status", "the promote to version 1 was cut off, and is finished now"),
        ("before_line", "run", "version 1 was promoted: accepted: "),
    ],
)
def test_a_night_that_is_killed_while_it_promotes_is_finished_by_the_next_command(
    house: House, registry: Registry, point: str, then: str, told: str
) -> None:
    before_its_promotion(registry)
    words = arguments(house.workspace, house.corpus)
    killed = nightshift("run", *words, **{VARIABLE: f"register:{point}:1"})
    assert killed.status == -signal.SIGKILL, killed.err
    ended = nightshift(then, *words)
    assert ended.status == (EXIT_FAILED if then == "status" else 0), ended.err
    assert told in " ".join((ended.out + ended.err).split())
    assert (chain(registry), standing(registry)) == ([("promote", 1, None)], {"champion": 1})
    assert_agree(registry)


def test_what_is_moved_in_mlflow_counts_once_a_command_has_verified_it(house: House, registry: Registry) -> None:
    words = arguments(house.workspace, house.corpus)
    by_hand(registry, CHAMPION, shelve(registry, "of somebody"))
    assert "The next nightshift run, promote or rollback verifies its files" in nightshift("status", *words).out
    ended = run_night(house.workspace, house.corpus)
    assert ended.status == 0, ended.err
    assert "version 2 was made champion in MLflow; until then it was version 1." in " ".join(ended.out.split())
    assert chain(registry) == [("promote", 1, None), ("by hand", 2, 1)]
    shown = nightshift("status", *words).out
    assert "@champion is version 2; nightshift rollback puts version 1 back" in shown
    assert "by hand to version 2" in shown
    back = nightshift("rollback", *words)
    assert (back.status, back.out) == (0, "nightshift-tiny: champion 2 -> 1 (rollback)\n")
    assert_agree(registry)


def test_a_version_that_cannot_be_verified_is_named_by_each_command_until_it_is_put_right(
    house: House, registry: Registry
) -> None:
    words = arguments(house.workspace, house.corpus)
    number = shelve(registry, "of somebody")
    damage(registry, number)
    by_hand(registry, CHAMPION, number)
    for _ in range(2):
        ended = run_night(house.workspace, house.corpus)
        assert ended.status == 0, ended.err
        told = " ".join(ended.out.split())
        assert "version 2 was made champion in MLflow, and is not taken for it: model.txt differs" in told
        assert "Put one in service: nightshift promote 1." in told
    assert chain(registry) == [("promote", 1, None)]
    assert nightshift("promote", "1", *words).status == 0
    assert standing(registry) == {"champion": 1}
    assert_agree(registry)
    assert "in MLflow" not in run_night(house.workspace, house.corpus).out
