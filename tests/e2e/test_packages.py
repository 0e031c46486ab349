"""Files of a registered version that are lost or damaged: put back from the artifacts of its model where they are
needed, in the night that measures the champion and by the command that moves it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DamagedVersion, GateRefused
from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.registry import CHALLENGER, aliases
from pipeline_lib.register.settle import is_settled
from pipeline_lib.settings.tree import Settings
from tasks.moves import promote_version, registry_for, roll_back
from tasks.runtime import PlainRuntime
from tests.flips import flip, flip_unseen
from tests.model_nights import FAST, any_night
from tests.registered import assert_agree, chain, files_of, standing
from tests.tiny_night import House, artifacts, english, tiny_settings, write_lines


@pytest.fixture
def house(judged_house: House) -> House:
    return judged_house


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def weights_flipped(package: Path) -> None:
    flip_unseen(package / "model" / "model.safetensors")


def weights_and_tokenizer_gone(package: Path) -> None:
    (package / "model" / "model.safetensors").unlink()
    shutil.rmtree(package / "components")


def settings_of_the_model_empty(package: Path) -> None:
    (package / "model" / "config.json").write_bytes(b"")


def all_gone(package: Path) -> None:
    shutil.rmtree(package)


def card_changed(package: Path) -> None:
    (package / "README.md").write_text("another", encoding="utf-8")


def list_changed(package: Path) -> None:
    flip(package / "digests.json")


def a_file_too_many(package: Path) -> None:
    (package / "model" / "more.json").write_text("{}", encoding="utf-8")


Damage = Callable[[Path], None]
PUT_BACK: dict[str, Damage] = {
    "weights flipped": weights_flipped,
    "weights and tokenizer gone": weights_and_tokenizer_gone,
    "settings empty": settings_of_the_model_empty,
}
AS_ANOTHER: dict[str, Damage] = {
    "all gone": all_gone,
    "card changed": card_changed,
    "list changed": list_changed,
    "a file too many": a_file_too_many,
}


@pytest.mark.parametrize("damage", PUT_BACK.values(), ids=PUT_BACK)
def test_a_move_to_a_damaged_version_puts_its_files_back_first(house: House, damage: Damage) -> None:
    """Whatever libraries and sums of documents a package would name today."""
    settings = settings_of(house)
    registry = registry_for(settings)
    damage(files_of(registry, 1))
    assert not is_intact(registry, 1)
    assert promote_version(settings, 1, "by hand", PlainRuntime())["version"] == 1
    assert is_intact(registry, 1)
    assert_agree(registry)


@pytest.mark.parametrize("damage", AS_ANOTHER.values(), ids=AS_ANOTHER)
def test_where_not_all_of_it_can_be_put_back_the_model_is_another_version_and_the_advice_helps(
    house: House, damage: Damage
) -> None:
    settings = settings_of(house)
    registry = registry_for(settings)
    damage(files_of(registry, 1))
    with pytest.raises(DamagedVersion, match=r"its model is version 2 now \(nightshift promote 2\)"):
        promote_version(settings, 1, "by hand", PlainRuntime())
    assert promote_version(settings, 2, "by hand", PlainRuntime())["version"] == 2
    assert is_intact(registry, 2)
    assert standing(registry) == {"champion": 2}  # its model is that of version 1: nobody to go back to
    with pytest.raises(GateRefused, match="no previous champion"):
        roll_back(settings, "by hand", PlainRuntime())
    assert is_settled(registry)


def test_where_the_artifacts_are_damaged_too_the_move_says_what_is_left(house: House) -> None:
    settings = settings_of(house)
    registry = registry_for(settings)
    lose(house, files_of(registry, 1))
    with pytest.raises(DamagedVersion, match=r"version 1 was made from\. Make another one: nightshift run\."):
        promote_version(settings, 1, "by hand", PlainRuntime())
    assert chain(registry) == [("promote", 1, None)]


@pytest.mark.parametrize("approval", ["gate", "human"])
@pytest.mark.parametrize(("damage", "moves"), [(weights_flipped, []), (all_gone, [("promote", 3, 1)])])
def test_the_night_that_measures_a_damaged_champion_puts_it_back(
    house: House, damage: Damage, moves: list[tuple[str, int, int | None]], approval: str
) -> None:
    """As it was, or as another version, whose number is behind that of the challenger. It ended each night for good."""
    settings = settings_of(house, register__approval=approval)
    registry = registry_for(settings)
    damage(files_of(registry, 1))
    write_lines(house.corpus / "more.jsonl", {f"m{n}": english(2000 + n) for n in range(12)})
    done = any_night(settings)
    (gate,) = done.makers("register.gate")
    champion = moves[-1][1] if moves else 1
    assert gate.facts["champion_version"] == champion
    assert is_intact(registry, champion)
    assert chain(registry)[: 1 + len(moves)] == [("promote", 1, None), *moves]
    is_replaced = chain(registry)[-1][1] == 2
    assert aliases(registry).get(CHALLENGER) == (None if is_replaced else 2)  # tonight's, whatever was registered since
    assert standing(registry).get("previous") == (champion if is_replaced else None)
    assert_agree(registry)


def test_a_night_whose_champion_is_lost_for_good_says_whom_to_put_in_service_and_the_next_one_judges(
    house: House,
) -> None:
    settings = settings_of(house)
    registry = registry_for(settings)
    lose(house, files_of(registry, 1))
    write_lines(house.corpus / "more.jsonl", {f"m{n}": english(2000 + n) for n in range(12)})
    with pytest.raises(DamagedVersion, match=r"Put another one in service: nightshift promote 2\."):
        any_night(settings)
    promote_version(settings, 2, "by hand", PlainRuntime())
    assert "promoted" in any_night(settings).verdict
    with pytest.raises(DamagedVersion, match=r"version 1 was made from\. Make another one: nightshift run\."):
        roll_back(settings, "by hand", PlainRuntime())  # nobody but the champion is whole, who is no other one
    assert_agree(registry)


def lose(house: House, package: Path) -> None:
    """The package of a version, and what its model was registered from."""
    weights_flipped(package)
    for name, found in artifacts(house.workspace).items():
        if found.maker == "register.version":
            (house.workspace / "artifacts" / name / "manifest.json").write_text(json.dumps({}), encoding="utf-8")
