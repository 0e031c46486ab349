"""A person promotes: nights leave a model that passed to `nightshift approve` and `nightshift refuse`."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import in_service, moves_of, promote, registry_of
from pipeline_lib.settings.tree import Settings
from tests.integration.register.conftest import cut
from tests.model_nights import FAST, whole_night
from tests.servers_up import up, wait_until
from tests.tiny_night import House, arguments, copy_house, tiny_settings, write_corpus
from tests.tiny_night import nightshift as command

BUSY_SECONDS = 120.0
BY_A_PERSON = {**FAST, "register__approval": "human"}


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A first night whose model waits."""
    root = tmp_path_factory.mktemp("waiting")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    verdict = whole_night(settings_of(house)).verdict
    assert verdict == (
        "version 1 waits for a person: accepted: the first model, and better than a unigram model and its own start; "
        "look at its report, then nightshift approve 1, or nightshift refuse 1"
    )
    assert champion(house) is None
    yield house


@pytest.fixture
def house(waiting: House, tmp_path: Path) -> House:
    return copy_house(waiting, tmp_path / "house")


def settings_of(house: House) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **BY_A_PERSON)


def champion(house: House) -> int | None:
    found = in_service(registry_of(settings_of(house).of(RegisterSettings), house.workspace))
    return None if found is None else found.number


def nightshift(house: House, *words: str) -> int:
    """The exit status of a command, run in this process."""
    with pytest.raises(SystemExit) as left:
        main([*words, *arguments(house.workspace, house.corpus, **BY_A_PERSON)])
    return int(left.value.code or 0)


def status(house: House, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert nightshift(house, "status", "--json") == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_who_approves_puts_the_version_into_service(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(house, capsys)["waiting"]["version"] == 1
    assert nightshift(house, "approve", "--dry-run") == 0
    assert champion(house) is None
    assert nightshift(house, "approve") == 0
    assert champion(house) == 1
    (move,) = moves_of(registry_of(settings_of(house).of(RegisterSettings), house.workspace))
    assert move.reason.startswith("approved by a person: accepted: the first model")
    assert status(house, capsys)["waiting"] is None
    assert whole_night(settings_of(house)).verdict.startswith("version 1 was promoted: ")


@pytest.mark.parametrize("point", ["before_champion", "after_champion", "before_line", "after_line"])
def test_an_approval_that_was_cut_off_is_finished_by_the_same_command(
    house: House, point: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(point, lambda: nightshift(house, "approve"), monkeypatch)
    assert nightshift(house, "approve") == 0
    assert champion(house) == 1
    (move,) = moves_of(registry_of(settings_of(house).of(RegisterSettings), house.workspace))
    assert move.reason.startswith("approved by a person: accepted: the first model")
    assert status(house, capsys)["waiting"] is None


def test_a_person_decides_by_the_form_that_prefect_shows(house: House) -> None:
    """What the page of the run sends when its form is filled in; each night asks, and there is one form."""
    words = arguments(house.workspace, house.corpus, **BY_A_PERSON)
    with up(house.workspace, house.corpus, **BY_A_PERSON) as servers:
        for _ in range(2):
            assert command("run", *words).status == 0
        wait_until(lambda: servers.runs("approval", names=("Suspended",)), BUSY_SECONDS)
        (asked,) = servers.runs("approval")
        assert asked["parameters"]["report"].startswith("**Gate: accepted: the first model")
        answers = [{"decision": "perhaps"}, {"decision": "promote", "reason": "looked at it"}]
        taken = [servers.prefect(f"/flow_runs/{asked['id']}/resume", {"run_input": answer}) for answer in answers]
        assert [answer["status"] for answer in taken] == ["REJECT", "ACCEPT"]
        wait_until(lambda: servers.state(asked["id"])[0] == "Completed", BUSY_SECONDS)
        assert servers.state(asked["id"])[1] == "version 1 promoted"
    assert champion(house) == 1
    (move,) = moves_of(registry_of(settings_of(house).of(RegisterSettings), house.workspace))
    assert move.reason.startswith("approved by a person (looked at it): accepted: the first model")


def test_a_version_that_was_refused_does_not_ask_again(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert "version 1 waits for a person" in whole_night(settings_of(house)).verdict
    assert nightshift(house, "refuse", "1") == 0
    assert "version 1 is refused; there is no champion yet" in capsys.readouterr().out
    assert status(house, capsys)["waiting"] is None
    assert whole_night(settings_of(house)).verdict.startswith("version 1 not promoted: a person refused it (accepted: ")
    assert nightshift(house, "approve") == 2
    assert "No version waits for a person" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("approve", "7"), ("refuse", "7")])
def test_another_version_than_the_one_that_waits_is_an_error(
    house: House, capsys: pytest.CaptureFixture[str], words: Sequence[str]
) -> None:
    assert nightshift(house, *words) == 2
    assert "Version 7 does not wait for a person; version 1 does." in capsys.readouterr().err


def test_nobody_is_put_in_the_place_of_a_champion_it_was_not_judged_against(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """The champion is another by now: here the version itself, promoted by its number."""
    registry = registry_of(settings_of(house).of(RegisterSettings), house.workspace)
    promote(registry, 1, expected_champion=None, reason="by hand", now=datetime.now(UTC))
    assert status(house, capsys)["waiting"] is None
    assert nightshift(house, "approve") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "was judged against no champion, and the champion is version 1 now" in said
    assert "nightshift promote 1" in said
