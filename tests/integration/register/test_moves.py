"""Moving the champion: cut off at each instant, by hand in MLflow, by many at once."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import main
from pipeline_lib.base import failpoint as failpoints
from pipeline_lib.base.errors import GateRefused
from pipeline_lib.model.tracking import connect, place_of
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import CHALLENGER, CHAMPION, Registry, aliases
from pipeline_lib.register.settle import in_service, is_settled, settle
from tests.integration.register.conftest import DONE, ENDED, NOTHING, NOW, POINTS, UNTIL, commands, cut, with_versions
from tests.racing import race
from tests.registered import assert_agree, by_hand, chain, damage, delete, files_of, shelve, standing

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("point", [*POINTS, ENDED])
@pytest.mark.parametrize("command", DONE)
def test_a_move_that_was_cut_off_is_finished_by_whatever_settles(
    registry: Registry, command: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a night, status and the other moves do first."""
    cut(point, commands(registry)[command], monkeypatch)
    assert is_settled(registry) == (point in ("before_intention", ENDED))
    for _ in range(2):
        settle(registry, now=NOW)
        moves, stands = NOTHING if point == "before_intention" else DONE[command]
        assert (chain(registry), standing(registry)) == (UNTIL + moves, stands)
        assert_agree(registry)
        assert is_settled(registry)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("command", DONE)
def test_the_same_command_again_finishes_a_move_that_was_cut_off_and_does_not_do_it_twice(
    registry: Registry, command: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(point, commands(registry)[command], monkeypatch)
    commands(registry)[command]()
    moves, stands = DONE[command]
    assert (chain(registry), standing(registry)) == (UNTIL + moves, stands)
    assert_agree(registry)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("command", "then"),
    [
        ("promote 4", "rollback"),
        ("promote 4", "promote 1"),
        ("rollback", "promote 4"),
        ("rollback", "promote 3"),
        ("gate", "rollback"),
        ("rollback", "gate"),
    ],
)
def test_another_command_comes_after_the_one_that_was_cut_off(
    registry: Registry, command: str, then: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is as if the first had not been cut off, or, before it wrote anything, not begun."""
    cut(point, commands(registry)[command], monkeypatch)
    commands(registry)[then]()
    version = {"rollback": None, "promote 1": 1, "promote 3": 3, "promote 4": 4, "gate": 4}[then]
    moves = [] if point == "before_intention" else DONE[command][0]
    champion, before = (moves[0][1], 3) if moves else (3, 2)
    expected = ("rollback", before, champion) if version is None else ("promote", version, champion)
    assert chain(registry) == [*UNTIL, *moves, expected]
    assert_agree(registry)
    assert standing(registry)["previous"] == (champion if expected[1] != champion else 2)


@pytest.mark.parametrize("first", POINTS)
@pytest.mark.parametrize("second", POINTS[1:])
def test_a_move_whose_finishing_is_cut_off_too_is_finished_by_the_third(
    registry: Registry, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try passes only points that were not passed yet, or the first has to be cut off later."""
    cut(first, commands(registry)["rollback"], monkeypatch)
    with suppress(pytest.fail.Exception):
        cut(second, commands(registry)["rollback"], monkeypatch)
    commands(registry)["rollback" if list(registry.folder.glob("begun-*")) else "settle"]()
    assert (chain(registry), standing(registry)) == (UNTIL + DONE["rollback"][0], DONE["rollback"][1])
    assert_agree(registry)


@pytest.mark.parametrize("point", POINTS)
def test_a_champion_that_is_promoted_twice_within_a_second_has_two_lines(
    registry: Registry, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the second line is the same as the first."""
    for _ in range(2):
        commands(registry)["promote 3"]()
    cut(point, commands(registry)["promote 3"], monkeypatch)
    commands(registry)["promote 3"]()
    assert chain(registry) == [*UNTIL, *[("promote", 3, 3)] * 3]
    assert_agree(registry)


def test_the_challenger_that_became_champion_is_none_any_more(registry: Registry) -> None:
    assert aliases(registry)[CHALLENGER] == 4
    promote(registry, 4, expected_champion=3, reason="", now=NOW)
    assert CHALLENGER not in aliases(registry)


@pytest.mark.parametrize("point", ["before_champion", "after_champion"])
def test_a_move_that_cannot_be_finished_is_undone(
    own: Registry, point: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Between the kill and the next command its files were damaged."""
    cut(point, commands(own)["promote 4"], monkeypatch)
    damage(own, 4)
    settle(own, now=NOW)
    assert (chain(own), standing(own)) == (UNTIL, NOTHING[1])
    assert_agree(own)
    assert "the promote to version 4 was cut off, and is undone: model.txt differs" in caplog.messages[0]


@pytest.mark.parametrize("point", ["before_previous", "before_champion", "after_champion", "before_line"])
@pytest.mark.parametrize(
    ("command", "gone", "moves", "stands"),
    [
        ("promote 4", 2, [("promote", 4, 3)], {"champion": 4, "previous": 3}),
        ("promote 4", 3, [("promote", 4, 3)], {"champion": 4, "previous": 2}),
        ("promote 4", 4, [], {"champion": 3, "previous": 2}),
        ("rollback", 2, [], {"champion": 3}),
        ("rollback", 3, [("rollback", 2, 3)], {"champion": 2}),
    ],
)
def test_a_move_of_which_a_version_was_deleted_since_is_finished_or_undone(
    own: Registry,
    command: str,
    gone: int,
    moves: list[tuple[str, int, int]],
    stands: dict[str, int],
    point: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow takes the aliases of a version away with it, and lets none point to what is not there."""
    cut(point, commands(own)[command], monkeypatch)
    delete(own, gone)
    settle(own, now=NOW)
    assert (chain(own), standing(own)) == (UNTIL + moves, stands)
    assert_agree(own)
    assert is_settled(own)


def test_a_move_by_hand_since_a_cut_counts_more_than_what_was_begun(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut("before_champion", commands(registry)["promote 4"], monkeypatch)
    by_hand(registry, CHAMPION, 1)
    settle(registry, now=NOW)
    assert chain(registry) == [*UNTIL, ("by hand", 1, 3)]
    assert standing(registry) == {"champion": 1, "previous": 3}
    assert_agree(registry)


@pytest.mark.parametrize("point", ["before_previous", "before_champion", "after_champion", "before_line"])
def test_an_intention_that_comes_back_from_a_copy_moves_nothing_once_it_was_ended(
    registry: Registry, point: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its move was made, and a rollback since: the aliases look as before it."""
    cut(point, commands(registry)["promote 4"], monkeypatch)
    (path,) = registry.folder.glob("begun-*")
    copy = path.read_bytes()
    commands(registry)["promote 4"]()
    commands(registry)["rollback"]()
    before = chain(registry), standing(registry)
    path.write_bytes(copy)
    settle(registry, now=NOW)
    assert (chain(registry), standing(registry)) == before
    assert caplog.messages[-1] == f"{registry.name}: the promote to version 4 was overtaken by a later move"
    assert_agree(registry)


def test_an_intention_that_cannot_be_read_is_told_and_the_aliases_decide(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cut("after_champion", commands(registry)["promote 4"], monkeypatch)
    (path,) = registry.folder.glob("begun-*")
    path.write_bytes(path.read_bytes()[:40])
    settle(registry, now=NOW)
    assert str(path) in caplog.messages[0]
    assert chain(registry) == [*UNTIL, ("by hand", 4, 3)]
    assert_agree(registry)


def test_in_a_registry_that_was_made_anew_a_number_is_another_model(
    own: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger's versions 2 and 3 were others."""
    anew = replace(own, place=place_of(None, tmp_path / "anew"))
    for number in range(1, 4):
        shelve(anew, f"of-another-night-{number}")
    assert settle(anew, now=NOW).champion is None
    assert caplog.messages == [
        f"{own.name}: version 3, the champion, was deleted in MLflow. Put one in service: nightshift promote 3."
    ]
    promote(anew, 3, expected_champion=None, reason="", now=NOW)
    assert standing(anew) == {"champion": 3}
    by_hand(anew, CHAMPION, 2)
    settle(anew, now=NOW)
    assert chain(anew)[2:] == [("promote", 3, 3), ("by hand", 2, 3)]
    assert_agree(anew)
    assert is_settled(anew)


# In MLflow's own pages ----------------------------------------------------------------------------------------------


def test_a_champion_that_was_moved_in_mlflow_is_verified_written_down_and_told(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    by_hand(registry, CHAMPION, 1)
    assert not is_settled(registry)
    settle(registry, now=NOW)
    assert chain(registry) == [*UNTIL, ("by hand", 1, 3)]
    assert moves_of(registry)[-1].model == f"{registry.name}-1"
    assert standing(registry) == {"champion": 1, "previous": 3}
    assert caplog.messages == [
        f"{registry.name}: version 1 was made champion in MLflow; until then it was version 3. It is on record now"
    ]
    assert is_settled(registry)
    assert rollback(registry, reason="", now=NOW).version == 3
    assert_agree(registry)


@pytest.mark.parametrize("then", ["promote 4", "rollback"])
def test_each_move_sees_one_that_was_made_in_mlflow_before(registry: Registry, then: str) -> None:
    by_hand(registry, CHAMPION, 1)
    commands(registry)[then]()
    assert chain(registry)[2:] == [
        ("by hand", 1, 3),
        {"promote 4": ("promote", 4, 1), "rollback": ("rollback", 3, 1)}[then],
    ]
    assert_agree(registry)


@pytest.mark.parametrize("point", POINTS)
def test_what_was_moved_by_hand_is_written_down_also_when_that_is_cut_off(
    registry: Registry, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(registry, CHAMPION, 1)
    cut(point, commands(registry)["settle"], monkeypatch)
    settle(registry, now=NOW)
    assert chain(registry) == [*UNTIL, ("by hand", 1, 3)]
    assert_agree(registry)


def test_a_gate_that_judged_against_the_champion_before_is_refused(registry: Registry) -> None:
    by_hand(registry, CHAMPION, 1)
    with pytest.raises(GateRefused, match="the champion changed: it is version 1, not version 3"):
        promote(registry, 4, expected_champion=3, reason="accepted", now=NOW)
    assert chain(registry)[2:] == [("by hand", 1, 3)]


def test_a_first_champion_that_was_made_in_mlflow_has_nobody_before_it(workspace: Path, tmp_path: Path) -> None:
    registry = Registry(place_of(None, workspace), "first-by-hand", tmp_path, workspace)
    by_hand(registry, CHAMPION, shelve(registry, "first-by-hand"))
    settle(registry, now=NOW)
    assert (chain(registry), standing(registry)) == ([("by hand", 1, None)], {"champion": 1})
    assert_agree(registry)


def a_foreign_version(registry: Registry, folder: Path) -> int:
    """A version that somebody made of files of their own."""
    (folder / "weights.txt").write_text("mine")
    return int(connect(registry.place).create_model_version(registry.name, folder.as_uri()).version)


@pytest.mark.parametrize("kind", ["damaged", "foreign", "without files"])
def test_a_version_that_cannot_be_verified_is_named_and_taken_for_nothing(
    own: Registry, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    number = a_foreign_version(own, tmp_path) if kind == "foreign" else 4
    if kind == "damaged":
        damage(own, number)
    elif kind == "without files":
        files_of(own, number).rename(tmp_path / "elsewhere")
    by_hand(own, CHAMPION, number)
    settled = settle(own, now=NOW)
    assert settled.champion is not None
    assert (settled.champion.number, settled.back, chain(own)) == (3, 3, UNTIL)
    champion = in_service(own)
    assert champion is not None
    assert champion.number == 3
    (told,) = caplog.messages
    assert f"version {number} was made champion in MLflow, and is not taken for it: " in told
    assert told.endswith("Put one in service: nightshift promote 3.")
    promote(own, 3, expected_champion="anybody", reason="by hand", now=NOW)
    assert standing(own) == {"champion": 3, "previous": 2}
    assert_agree(own)
    assert is_settled(own)


def test_a_rollback_from_one_that_does_not_count_puts_the_champion_of_the_ledger_back(own: Registry) -> None:
    damage(own, 4)
    by_hand(own, CHAMPION, 4)
    rollback(own, reason="", now=NOW)
    assert chain(own)[2:] == [("rollback", 3, 3)]
    assert standing(own) == {"champion": 3, "previous": 2}
    assert_agree(own)
    rollback(own, reason="", now=NOW)
    assert standing(own) == {"champion": 2, "previous": 3}
    assert_agree(own)


# Real processes -----------------------------------------------------------------------------------------------------

AS_A_PROCESS = """
import logging, random, sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline_lib.base.errors import GateRefused
from pipeline_lib.model.tracking import place_of
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import Registry
workspace, name, folder, *commands = sys.argv[1:]
registry = Registry(place_of(None, Path(workspace)), name, Path(folder), Path(workspace))
for command in commands:
    kind, _, version = command.partition(" ")
    try:
        if kind == "promote":
            promote(registry, int(version), expected_champion="anybody", reason="", now=datetime.now(UTC))
        else:
            rollback(registry, reason="", now=datetime.now(UTC))
    except GateRefused as exc:
        print(exc)
"""


def started(registry: Registry, workspace: Path, *commands: str, fail: str = "") -> "subprocess.Popen[str]":
    """These commands in a process, and a process group, of their own."""
    return subprocess.Popen(
        [sys.executable, "-c", AS_A_PROCESS, str(workspace), registry.name, str(registry.folder), *commands],
        env={**os.environ, "PYTHONPATH": str(ROOT), **({failpoints.VARIABLE: fail} if fail else {})},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "point"),
    [("rollback", "before_champion"), ("rollback", "after_champion"), ("promote 4", "before_line")],
)
def test_a_process_that_is_killed_leaves_what_the_next_one_finishes(
    registry: Registry, workspace: Path, command: str, point: str
) -> None:
    killed = started(registry, workspace, command, fail=f"register:{point}:1")
    assert killed.wait() == -signal.SIGKILL, killed.communicate()
    again = started(registry, workspace, command)
    said = again.communicate()
    assert again.returncode == 0, said
    assert f"to version {DONE[command][0][0][1]} was cut off, and is finished now" in said[1]
    assert (chain(registry), standing(registry)) == (UNTIL + DONE[command][0], DONE[command][1])
    assert_agree(registry)


@pytest.mark.parametrize("command", ["rollback", "promote 4"])
def test_the_same_command_of_the_shell_finishes_its_move_and_makes_no_second_one(
    tmp_path: Path, command: str, unsaid: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for point in POINTS:
        workspace = tmp_path / point
        registry = with_versions(workspace, point, workspace / "state" / "promotions")
        words = [*command.split(), "--workspace", str(workspace), "--register.model_name", point]
        cut(point, lambda words=words: main(words), monkeypatch)  # type: ignore[misc]
        with pytest.raises(SystemExit) as left:
            main(words)
        assert not left.value.code
        assert (chain(registry), standing(registry)) == (UNTIL + DONE[command][0], DONE[command][1]), point
        assert_agree(registry)


def test_eight_processes_that_move_at_once_leave_all_that_agrees(registry: Registry) -> None:
    race(registry, num_rounds=2, seed=11)
