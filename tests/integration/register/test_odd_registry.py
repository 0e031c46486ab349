"""A registry in an odd state: it is named, with the command that puts it right, and that command does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DamagedArtifact, GateRefused, SettingsError
from pipeline_lib.model.tracking import connect
from pipeline_lib.register.ledger import LEDGER_FILE, ODD_FILE, moves_of, promotions
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import CHALLENGER, CHAMPION, FINGERPRINT_TAG, PREVIOUS, Registry, aliases
from pipeline_lib.register.settle import is_settled, look, settle
from pipeline_lib.stages import resolve
from pipeline_lib.store.artifact import with_seal, without_seal
from tasks.moves import foretell, registry_for, settle_champion
from tests.integration.register.conftest import DONE, NOTHING, NOW, UNTIL, commands, cut
from tests.registered import assert_agree, by_hand, chain, damage, dangle, delete, shelve, standing


def the_champion_deleted(registry: Registry) -> str:
    delete(registry, 3)
    return "version 3, the champion, was deleted in MLflow. Put one in service: nightshift promote 2."


def the_champion_dangling(registry: Registry) -> str:
    the_champion_deleted(registry)
    dangle(registry, CHAMPION, 3)
    return "version 3, the champion, was deleted in MLflow. Put one in service: nightshift promote 2."


def dangling_elsewhere(registry: Registry) -> str:
    delete(registry, 4)
    dangle(registry, CHAMPION, 4)
    return (
        "the alias champion points to version 4, which MLflow does not have. Put one in service: nightshift promote 3."
    )


def dangling_at_no_number(registry: Registry) -> str:
    """SQLite takes any text for a number."""
    dangle(registry, CHAMPION, "of somebody")
    return (
        "the alias champion points to version 0, which MLflow does not have. Put one in service: nightshift promote 3."
    )


def no_champion(registry: Registry) -> str:
    connect(registry.place).delete_registered_model_alias(registry.name, CHAMPION)
    return (
        "MLflow has no alias champion; by the ledger of promotions it is version 3. "
        "Put one in service: nightshift promote 3."
    )


def all_former_ones_gone(registry: Registry) -> str:
    delete(registry, 2)
    delete(registry, 3)
    damage(registry, 4)
    return "version 3, the champion, was deleted in MLflow. Put one in service: nightshift promote 1."


def previous_dangling(registry: Registry) -> str:
    delete(registry, 2)
    dangle(registry, PREVIOUS, 2)
    return "the alias previous points to version 2, which MLflow does not have. Put it right: nightshift promote 3."


def previous_gone_but_not_its_version(registry: Registry) -> str:
    connect(registry.place).delete_registered_model_alias(registry.name, PREVIOUS)
    return "the alias previous does not say that version 2 was champion before. Put it right: nightshift promote 3."


def previous_deleted_and_another_before(registry: Registry) -> str:
    promote(registry, 4, expected_champion=3, reason="", now=NOW)
    delete(registry, 3)
    return "the alias previous does not say that version 2 was champion before. Put it right: nightshift promote 4."


def cut_by_an_earlier_release(registry: Registry) -> str:
    """It moved `previous` first, and had no intention."""
    by_hand(registry, PREVIOUS, 3)
    return "the alias previous does not say that version 2 was champion before. Put it right: nightshift promote 3."


ODD = (
    the_champion_deleted,
    the_champion_dangling,
    dangling_elsewhere,
    dangling_at_no_number,
    no_champion,
    all_former_ones_gone,
    previous_dangling,
    previous_gone_but_not_its_version,
    previous_deleted_and_another_before,
    cut_by_an_earlier_release,
)


@pytest.mark.parametrize("make", ODD, ids=[make.__name__ for make in ODD])
def test_an_odd_registry_is_named_with_the_command_that_puts_it_right(
    own: Registry, make: Callable[[Registry], str], caplog: pytest.LogCaptureFixture
) -> None:
    expected = make(own)
    before = chain(own)
    assert not is_settled(own)
    caplog.clear()
    settle(own, now=NOW)
    assert caplog.messages == [f"{own.name}: {expected}"]
    assert chain(own) == before
    version = int(expected.removesuffix(".").rsplit(" ", 1)[1])
    promote(own, version, expected_champion="anybody", reason="", now=NOW)
    assert_agree(own)
    assert is_settled(own)
    assert caplog.messages == [f"{own.name}: {expected}"]


@pytest.mark.parametrize("is_champion_gone", [False, True])
def test_an_alias_challenger_of_no_version_is_named_and_the_next_move_takes_it_away(
    own: Registry, is_champion_gone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing is new no night would set it anew, and whoever loads a model by it meets an error."""
    if is_champion_gone:
        the_champion_deleted(own)
    delete(own, 4)
    dangle(own, CHALLENGER, 4)
    assert not is_settled(own)
    odd = "the alias challenger points to version 4, which MLflow does not have. "
    assert look(own, now=NOW)[1][-1].startswith(f"{odd}The next nightshift run, promote or rollback takes it away.")
    promote(own, 2, expected_champion="anybody", reason="", now=NOW)
    assert f"{own.name}: the alias challenger pointed to version 4" in caplog.messages[0]
    assert CHALLENGER not in aliases(own)
    assert_agree(own)
    assert is_settled(own)


def test_a_version_without_its_tags_is_told_from_the_one_that_was_promoted(own: Registry) -> None:
    connect(own.place).delete_model_version_tag(own.name, "3", FINGERPRINT_TAG)
    (told,) = look(own, now=NOW)[1]
    assert told.startswith("version 3, the champion, is another model in MLflow than the one that the ledger of promot")
    promote(own, 2, expected_champion="anybody", reason="", now=NOW)
    assert standing(own)["champion"] == 2
    assert is_settled(own)


def test_what_is_foretold_of_a_move_says_what_is_odd_and_what_helps(own: Registry) -> None:
    """Here without a ledger, which lies elsewhere."""
    pairs = [("workspace", str(own.workspace)), ("register.model_name", own.name)]
    delete(own, 3)
    dangle(own, CHAMPION, 3)
    odd, foretold = foretell(resolve(None, {}, pairs).settings, 2).split("\n")
    assert odd.startswith(f"{own.name}: the alias champion points to version 3, which MLflow does not have. Put one in")
    assert foretold.startswith(f"{own.name}: champion 3 -> 2; ")


def test_what_is_foretold_says_that_a_move_was_cut_off(own: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [("workspace", str(own.workspace)), ("register.model_name", own.name)]
    settings = resolve(None, {}, pairs).settings
    there = registry_for(settings)  # with a ledger of its own
    cut("before_champion", lambda: promote(there, 4, expected_champion="anybody", reason="", now=NOW), monkeypatch)
    told, _ = foretell(settings, None).split("\n")
    assert told == f"{own.name}: a move to version 3 was cut off, and is finished before this one"  # the take-over
    settle(there, now=NOW)
    assert "cut off" not in foretell(settings, None)


def promoted_and_cut(registry: Registry, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(place, lambda: promote(registry, 4, expected_champion="anybody", reason="", now=NOW), monkeypatch)


def rolled_back_and_cut(registry: Registry, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(place, lambda: rollback(registry, reason="", now=NOW), monkeypatch)


def put_there(registry: Registry, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "damaged":
        damage(registry, 4)
    connect(registry.place).set_registered_model_alias(registry.name, CHAMPION, "4")


@pytest.mark.parametrize(
    ("happens", "place", "becomes"),
    [
        *(
            (promoted_and_cut, place, 3)
            for place in ("before_previous", "before_champion", "before_line", "after_line")
        ),
        *((rolled_back_and_cut, place, 2) for place in ("before_previous", "after_champion", "after_line")),
        (put_there, "whole", 3),
        (put_there, "damaged", 3),
    ],
)
def test_a_rollback_does_what_was_foretold_of_it(
    own: Registry,
    happens: Callable[[Registry, str, pytest.MonkeyPatch], None],
    place: str,
    becomes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = resolve(None, {}, [("workspace", str(own.workspace)), ("register.model_name", own.name)]).settings
    there = registry_for(settings)
    for version in (2, 3):
        promote(there, version, expected_champion="anybody", reason="", now=NOW)
    happens(there, place, monkeypatch)
    before = standing(there), moves_of(there)
    foretold = foretell(settings, None)
    assert (standing(there), moves_of(there)) == before
    assert f"-> {becomes}; its files are whole" in foretold
    rollback(there, reason="", now=NOW)
    assert standing(there)["champion"] == moves_of(there)[-1].version == becomes
    assert is_settled(there)


def test_with_no_version_left_a_night_is_what_helps(own: Registry, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1, 5):
        delete(own, number)
    settle(own, now=NOW)
    assert caplog.messages[0].endswith("version 3, the champion, was deleted in MLflow. Make one: nightshift run.")
    with pytest.raises(SettingsError, match=r"has no version 3\. There are: none yet\."):
        promote(own, 3, expected_champion="anybody", reason="", now=NOW)
    number = shelve(own, f"{own.name}-5")
    promote(own, number, expected_champion=None, reason="accepted", now=NOW)
    assert standing(own) == {"champion": number}
    assert_agree(own)


def test_a_rollback_without_a_previous_champion_says_which_version_may_be_promoted(own: Registry) -> None:
    delete(own, 2)
    damage(own, 4)
    with pytest.raises(GateRefused, match=r"no previous champion to go back to\. .*: nightshift promote 1\.$"):
        rollback(own, reason="", now=NOW)
    promote(own, 1, expected_champion="anybody", reason="", now=NOW)
    assert_agree(own)


def test_a_rollback_to_damaged_files_is_refused_and_nothing_is_begun(own: Registry) -> None:
    damage(own, 2)
    with pytest.raises(DamagedArtifact):
        rollback(own, reason="", now=NOW)
    assert (chain(own), standing(own)) == (UNTIL, NOTHING[1])
    assert_agree(own)


ODD_LINES = [b"7", b"null", b'{"x": 1}', b"\xff\xfe\x00\x01", b"[" * 100_000, b'{"time": "2026-01-02T03:04:05+00:0']


@pytest.mark.parametrize("is_torn", [True, False])
@pytest.mark.parametrize("then", ["settle", "promote 4", "rollback"])
def test_what_is_no_line_of_the_ledger_is_told_left_out_and_put_aside_by_the_next_command(
    registry: Registry, then: str, is_torn: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = registry.folder / LEDGER_FILE
    first, second = ledger.read_bytes().splitlines()
    newer = json.dumps(with_seal({"of_a_newer_release": [1], **without_seal(json.loads(second))})).encode()
    ledger.write_bytes(b"\n".join([ODD_LINES[0], first, *ODD_LINES[1:-1], newer, ODD_LINES[-1]]))
    if not is_torn:
        ledger.write_bytes(ledger.read_bytes() + b"\n")
    assert [move.version for move in promotions(registry)] == [2, 3]
    assert caplog.messages == [
        f"{ledger}: {len(ODD_LINES)} lines (the first is line 1) are not what is written there; "
        "left out. The next nightshift promote, rollback or run puts it aside."
    ]
    commands(registry)[then]()
    assert ledger.read_bytes().startswith(first + b"\n" + newer + b"\n")
    assert (registry.folder / ODD_FILE).read_bytes().splitlines() == ODD_LINES
    assert chain(registry) == [*UNTIL, *(DONE[then][0] if then in DONE else [])]
    assert is_settled(registry)
    assert_agree(registry)


def test_of_a_move_whose_line_is_damaged_the_aliases_tell(registry: Registry) -> None:
    promote(registry, 4, expected_champion=3, reason="", now=NOW)
    ledger = registry.folder / LEDGER_FILE
    ledger.write_bytes(ledger.read_bytes()[:-20])
    settle(registry, now=NOW)
    assert chain(registry) == [*UNTIL, ("by hand", 4, 3)]
    assert standing(registry) == {"champion": 4, "previous": 3}
    assert_agree(registry)


@pytest.mark.parametrize("what", ["folder", "dangling", "loop"])
@pytest.mark.parametrize("then", ["settle", "promote 4", "rollback"])
def test_what_stands_in_the_place_of_an_intention_stops_no_move(
    registry: Registry, then: str, what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        cut("before_previous", commands(registry)["promote 4"], patched)
    (path,) = registry.folder.glob("begun-*")
    path.unlink()
    path.mkdir() if what == "folder" else path.symlink_to(path.name if what == "loop" else "nowhere")
    commands(registry)[then]()
    assert chain(registry) == [*UNTIL, *(DONE[then][0] if then in DONE else [])]
    assert is_settled(registry)
    assert_agree(registry)
    assert any(f"{path}: is no file, and was put aside as" in message for message in caplog.messages)


CHANGES: list[tuple[str, Any]] = [
    ("version", 1),
    ("version", 10**30),
    ("previous", 1),
    ("kind", "rollback"),
    ("model", "shelf-1"),
    ("name", "another"),
]


@pytest.mark.parametrize(("field", "value"), CHANGES)
@pytest.mark.parametrize("at", [0, 1])
def test_a_line_in_which_something_was_changed_is_none(
    registry: Registry, at: int, field: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = registry.folder / LEDGER_FILE
    lines = ledger.read_bytes().splitlines()
    lines[at] = json.dumps({**json.loads(lines[at]), field: value}).encode()
    ledger.write_bytes(b"\n".join(lines) + b"\n")
    assert [move.version for move in promotions(registry)] == [3 if at == 0 else 2]
    settle(registry, now=NOW)
    assert (registry.folder / ODD_FILE).read_bytes() == lines[at] + b"\n"
    assert standing(registry) == NOTHING[1]
    assert moves_of(registry)[-1].version == 3 and is_settled(registry)


@pytest.mark.parametrize("point", ["before_previous", "before_champion", "after_champion", "after_line"])
@pytest.mark.parametrize(
    ("field", "value"), [*CHANGES, ("num_moves", 7), ("previous", 10**30), ("champion_until", None)]
)
def test_an_intention_in_which_something_was_changed_moves_nothing(
    registry: Registry, point: str, field: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next command of any kind would put a version in service that nobody has asked for."""
    cut(point, commands(registry)["promote 4"], monkeypatch)
    (path,) = registry.folder.glob("begun-*")
    begun = json.loads(path.read_text())
    inner = begun["move"] if field in begun["move"] else begun
    inner[field] = value
    path.write_text(json.dumps(begun))
    settle(registry, now=NOW)
    champion = 3 if point in ("before_previous", "before_champion") else 4
    assert standing(registry)["champion"] == moves_of(registry)[-1].version == champion
    assert not path.exists()


def test_odd_lines_that_come_later_join_those_that_were_put_aside(registry: Registry) -> None:
    ledger = registry.folder / LEDGER_FILE
    for odd in (b"7", b"8", b"7"):
        ledger.write_bytes(odd + b"\n" + ledger.read_bytes())
        settle(registry, now=NOW)
    assert (registry.folder / ODD_FILE).read_bytes() == b"7\n8\n"


def test_a_registry_that_cannot_be_asked_is_settled_by_a_later_night(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A night that needs it for more says so by itself."""
    pairs = [("workspace", str(tmp_path)), ("register.tracking_uri", "http://127.0.0.1:1")]
    settle_champion(resolve(None, {}, pairs).settings)
    (told,) = caplog.messages
    assert told.startswith("MLflow at http://127.0.0.1:1 cannot be reached.")
    assert told.endswith("Whether the champion was moved there is seen by the next night.")
