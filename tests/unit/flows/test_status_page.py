"""`nightshift status` as people and programs read it: the last nights, the champion and its scores."""

import io
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from rich.console import Console

from flows.show.around import next_night
from flows.show.status import Champion, scores_of, show_champion, show_status
from flows.standing import Standing
from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.model.records import SCORES_FILE, Scores, write_record
from pipeline_lib.model.tracking import place_of
from pipeline_lib.past.made import MOST_SCORES, remember_scores
from pipeline_lib.past.made import scores_of as scores_refs
from pipeline_lib.plan.verdict import CHAMPION_SCORES
from pipeline_lib.register.ledger import Promotion, add
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import Workspace, new_run
from tests.answering import Healthy, answering
from tests.registered import plain_store
from tests.unit.flows.conftest import Nights

Captured = pytest.CaptureFixture[str]
MOVE = Promotion("2026-01-02T03:04:05+00:00", "nightshift-tiny", 2, 1, "promote", "better by 0.1 [bits]")


def _seal(workspace: Workspace, maker: Maker, created: float, scores: Scores, **given: Any) -> str:
    """A measurement as the stage leaves it, and how a night remembers it."""
    ref = Ref("evaluate", f"{len(list(workspace.root.rglob(SCORES_FILE))):032x}")
    with workspace.store.draft(ref) as draft:
        write_record(scores, draft.path / SCORES_FILE)
        draft.seal(Outcome(1, 1), maker=maker.name, version=1, schema=maker.schema, made={"created": created}, **given)
    return f"{maker.name} {ref.fingerprint}"


def _as_challenger(workspace: Workspace, model: str, created: float, **figures: Any) -> None:
    scores = Scores(candidate="challenger", **{"benchmark": "frozen", "generation": 1} | figures)
    inputs = {"model": Ref("train", model)}
    sealed = _seal(workspace, SCORES, created, scores, inputs=inputs, settings={"candidate": "challenger"})
    remember_scores(workspace, model, [sealed])


def _as_champion(workspace: Workspace, model: str, created: float, *, beside: str = "", **figures: Any) -> None:
    scores = Scores(candidate="champion", version=2, **{"benchmark": "frozen", "generation": 1} | figures)
    settings = {"candidate": "champion", "champion": model, "beside": beside}
    remember_scores(workspace, model, [_seal(workspace, CHAMPION_SCORES, created, scores, settings=settings)])


def test_the_scores_of_a_champion_are_its_newest_on_each_benchmark(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    _as_challenger(workspace, "mine", 1.0, bits_per_byte=3.0)
    _as_champion(workspace, "mine", 3.0, bits_per_byte=2.0, generation=2)
    _as_champion(workspace, "mine", 2.0, bits_per_byte=2.5)
    _as_champion(workspace, "mine", 2.5, bits_per_byte=2.75, benchmark="fresh", generation=4)
    _as_challenger(workspace, "another", 5.0, bits_per_byte=1.0)
    found = {name: figures["bits_per_byte"] for name, figures in scores_of(workspace, "mine").items()}
    assert found == {"champion, frozen-2": 2.0, "champion, fresh-4": 2.75}


def test_a_champion_is_shown_with_the_base_line_of_its_own_night_or_of_the_challenger_beside_it(tmp_path: Path) -> None:
    """It is measured without one in later nights."""
    workspace = Workspace(tmp_path)
    _as_challenger(workspace, "mine", 1.0, unigram_bits_per_byte=4.0)
    _as_challenger(workspace, "old", 1.5, generation=2, unigram_bits_per_byte=9.0)
    _as_challenger(workspace, "next", 2.0, unigram_bits_per_byte=5.0)
    _as_challenger(workspace, "next", 2.0, benchmark="fresh", generation=4, unigram_bits_per_byte=6.0)
    _as_champion(workspace, "mine", 3.0, bits_per_byte=2.0, beside="next")
    _as_champion(workspace, "mine", 3.0, benchmark="fresh", generation=4, beside="next")
    assert {name: figures["unigram_bits_per_byte"] for name, figures in scores_of(workspace, "mine").items()} == {
        "champion, frozen-1": 4.0,
        "champion, fresh-4": 6.0,
    }
    _as_champion(workspace, "mine", 4.0, generation=2, beside="of which nothing is left")
    assert scores_of(workspace, "mine")["champion, frozen-2"]["unigram_bits_per_byte"] is None


def test_what_is_remembered_of_the_scores_of_a_model_has_an_end(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for night in range(3 * MOST_SCORES):
        remember_scores(workspace, "mine", [f"{CHAMPION_SCORES.name} {night}", f"{CHAMPION_SCORES.name} {night - 1}"])
    last = 3 * MOST_SCORES - 1
    assert [ref.fingerprint for ref in scores_refs(workspace, "mine", CHAMPION_SCORES.name)] == [
        str(night) for night in range(last, last - MOST_SCORES, -1)
    ]


def test_a_champion_that_was_never_measured_again_has_the_scores_of_its_own_night(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    _as_challenger(workspace, "mine", 1.0, bits_per_byte=3.0)
    found = scores_of(workspace, "mine")
    assert [(name, figures["candidate"]) for name, figures in found.items()] == [("champion, frozen-1", "champion")]
    assert scores_of(workspace, "unknown") == {}


def _page(champion: Champion | None) -> str:
    out = io.StringIO()
    show_champion("nightshift-tiny", champion, Console(file=out, width=200, highlight=False, markup=False))
    return out.getvalue()


def test_the_champion_is_shown_with_its_last_move_a_way_back_and_a_table_a_benchmark() -> None:
    scores = {
        f"champion, {benchmark}-1": Scores(
            candidate="champion", benchmark=benchmark, generation=1, num_documents=9, bits_per_byte=2.25
        ).figures
        for benchmark in ("frozen", "fresh")
    }
    page = _page(Champion(2, 1, 1, MOVE, scores))
    assert "models:/nightshift-tiny@champion is version 2; nightshift rollback puts version 1 back" in page
    assert "promote to version 2 at 2026-01-02T03:04:05+00:00: better by 0.1 [bits]" in page
    assert page.count("bits per byte on 9 held-out documents") == 2
    assert page.count("2.250") == 2
    assert "nothing to roll back to" in _page(Champion(2, None, None, MOVE, {}))


def test_no_champion_and_one_that_mlflow_lost_are_told_apart() -> None:
    assert _page(None) == "\nnightshift-tiny has no champion yet.\n"
    lost = "version 2, the champion, was deleted in MLflow. Put one in service: nightshift promote 1."
    page = _page(Champion(None, None, None, MOVE, {}, [lost]))
    assert page == f"\nnightshift-tiny has no champion in MLflow.\n          {lost}\n"


@pytest.mark.parametrize(
    ("aliases", "told"),
    [
        ({"champion": 2, "previous": 1}, []),
        (
            {"champion": 5, "previous": 1},
            [
                "version 5 was made champion in MLflow; by the ledger of promotions it is version 2. "
                "The next nightshift run, promote or rollback verifies its files and writes it down."
            ],
        ),
        (
            {"champion": 7, "previous": 1},
            [
                "the alias champion points to version 7, which MLflow does not have. "
                "Put one in service: nightshift promote 2."
            ],
        ),
    ],
    ids=["agree", "moved", "dangling"],
)
def test_what_mlflow_says_of_the_champion_is_told_without_loading_it(
    nights: Nights,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    aliases: dict[str, int],
    told: list[str],
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    settings = nights.settings(tmp_path)
    registry = registry_of(settings.of(RegisterSettings), tmp_path)
    add(registry, MOVE)
    plain_store(registry, {1: "m1", 2: "m2", 5: "m5"}, **aliases)
    show_status(settings, Workspace(tmp_path), as_json=True)
    said = json.loads(capsys.readouterr().out)["champion"]
    champion = aliases["champion"] if aliases["champion"] != 7 else None
    assert (said["version"], said["previous"], said["odd"]) == (champion, 1, told)
    assert said["back"] == (1 if aliases["champion"] == 2 else 2)  # the ledger's champion, from anybody else
    show_status(settings, Workspace(tmp_path), as_json=False)
    shown = capsys.readouterr().out
    assert all(text in shown for text in told)
    assert ("has no champion in MLflow" in shown) == (champion is None)


def test_what_waits_for_a_server_is_left_to_those_who_write(
    nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look changes nothing, and does not wait until MLflow is loaded."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    settings = nights.settings(tmp_path)
    run = {"place": place_of(None, tmp_path).shown, "experiment": "e", "name": "n", "tags": {}, "status": "FINISHED"}
    boxes = [Outbox(tmp_path, receiver) for receiver in ("mlflow", "prefect")]
    for box in boxes:
        box.keep("a", [{"run": run}])
    show_status(settings, Workspace(tmp_path), as_json=False)
    assert [[path.name for path in box.folder.iterdir()] for box in boxes] == [["a.jsonl"], ["a.jsonl"]]


def test_nights_are_shown_with_what_came_of_them(nights: Nights, tmp_path: Path, capsys: Captured) -> None:
    workspace = Workspace(tmp_path)
    run = replace(new_run("one", "nightly", "tiny"), state="completed", started=100.0, ended=161.0)
    workspace.save_run(replace(run, message="version 1 promoted: better", summary={"verdict": "version 1 promoted"}))
    workspace.save_run(replace(run, run_id="two", flow="promote"))
    workspace.save_run(replace(new_run("three", "nightly", "tiny"), stage="clean"))
    show_status(nights.settings(tmp_path), workspace, as_json=False)
    lines = capsys.readouterr().out.split("\n")
    assert "nightly tiny  completed" in lines[1]
    assert lines[1].rstrip().endswith("1 min 01 s  version 1 promoted: better")
    assert "running" in lines[2]
    assert "in clean since" in lines[2]
    assert not any("promote tiny" in line for line in lines)

    show_status(nights.settings(tmp_path), workspace, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["champion"], said["model"], said["servers"]) == (None, "nightshift-tiny", None)
    first, second = said["runs"]
    assert (first["state"], first["verdict"], first["ended"]) == ("completed", "version 1 promoted", 161.0)
    assert (second["state"], second["stage"], second["verdict"]) == ("running", "clean", None)


@pytest.mark.parametrize("record", ["7", "[" * 200_000, None], ids=["a number", "nested", "none"])
def test_where_no_record_of_a_night_is_understood_what_it_made_is_not_denied(
    nights: Nights, tmp_path: Path, capsys: Captured, record: str | None
) -> None:
    workspace = Workspace(tmp_path)
    _as_challenger(workspace, "mine", 1.0)
    if record is not None:
        workspace.save_run(new_run("one", "nightly", "tiny"))
        (workspace.state / "runs" / "one.json").write_text(record)
    show_status(nights.settings(tmp_path), workspace, as_json=False)
    out = capsys.readouterr().out
    assert f"No night is on record in {tmp_path}. What was made there stands; the next night goes on from it" in out
    assert "has run" not in out


def test_a_workspace_without_nights_says_how_to_start_one(nights: Nights, tmp_path: Path, capsys: Captured) -> None:
    show_status(nights.settings(tmp_path), Workspace(tmp_path), as_json=False)
    out = capsys.readouterr().out
    assert f"No night has run in {tmp_path} yet. Start one: nightshift run" in out
    assert "nightshift-tiny has no champion yet." in out


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((), 0),
        (("completed",), 0),
        (("failed",), 7),
        (("killed",), 7),
        (("failed", "stopped"), 0),
        (("completed", "failed"), 7),
        (("failed", "completed"), 0),
        (("failed", "running"), 7),
    ],
)
def test_the_exit_status_says_whether_the_last_night_that_ended_has_failed(
    nights: Nights, tmp_path: Path, capsys: Captured, states: tuple[str, ...], status: int
) -> None:
    workspace = Workspace(tmp_path)
    for number, state in enumerate(states):
        run = replace(
            new_run(str(number), "nightly", "tiny"), state=state, message=f"so it was (as told; surely); {number}"
        )
        workspace.save_run(
            run if state == "running" else replace(run, started=100.0 * number, ended=100.0 * number + 9)
        )
    workspace.save_run(replace(new_run("other", "clean", "tiny"), state="failed", ended=1e9))
    assert show_status(nights.settings(tmp_path), workspace, as_json=False) == status
    shown = capsys.readouterr().out
    assert show_status(nights.settings(tmp_path), workspace, as_json=True) == status
    last = json.loads(capsys.readouterr().out)["last_night"]
    over = [number for number, state in enumerate(states) if state != "running"]
    if not over:
        assert last is None and "last night" not in shown
        return
    assert (last["state"], last["ended"], last["is_failed"]) == (states[over[-1]], 100.0 * over[-1] + 9, status == 7)
    assert f"last night  {states[over[-1]]} at 1970-01-01" in shown and "so it was (as told; surely)\n" in shown


def test_who_holds_the_workspace_is_told_with_process_command_and_since_when(
    nights: Nights, tmp_path: Path, capsys: Captured
) -> None:
    workspace, settings = Workspace(tmp_path), nights.settings(tmp_path)
    with workspace.lock():
        show_status(settings, workspace, as_json=False)
        assert f"at work     process {os.getpid()} since " in capsys.readouterr().out
        show_status(settings, workspace, as_json=True)
        holder = json.loads(capsys.readouterr().out)["at_work"]
        assert holder["process_id"] == os.getpid() and abs(holder["since"] - time.time()) < 60
        assert holder["command"].startswith(Path(psutil.Process().cmdline()[0]).name) and holder["flow"] == ""
        workspace.save_run(new_run("one", "nightly", "tiny"))
        show_status(settings, workspace, as_json=False)
        assert f": nightly, {holder['command']}" in " ".join(capsys.readouterr().out.split())
    show_status(settings, workspace, as_json=True)
    assert json.loads(capsys.readouterr().out)["at_work"] is None


def test_no_night_is_scheduled_while_nightshift_up_does_not_run(
    nights: Nights, tmp_path: Path, capsys: Captured
) -> None:
    show_status(nights.settings(tmp_path), Workspace(tmp_path), as_json=True)
    said = json.loads(capsys.readouterr().out)["next_night"]
    assert (said["at"], said["why"]) == (None, "nightshift up does not run")
    show_status(nights.settings(tmp_path), Workspace(tmp_path), as_json=False)
    assert "next night  none is scheduled: nightshift up does not run\n" in capsys.readouterr().out


def _up(url: str) -> Standing:
    return Standing(os.getpid(), psutil.Process().create_time(), url, url, url)


class _Prefect(Healthy):
    """Answers as Prefect does of its deployment and its runs."""

    active = True
    runs: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        schedule = {"slug": "every-night", "active": self.active}
        schedule |= {"schedule": {"cron": "0 2 * * *", "timezone": "Asia/Shanghai"}}
        self._say({"token": "x", "id": "y", "paused": False, "schedules": [schedule]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._say(self.runs)

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Planned(_Prefect):
    runs: ClassVar = [{"expected_start_time": "2126-11-29T18:00:00Z"}]


class _Late(_Prefect):
    runs: ClassVar = [{"expected_start_time": "2026-01-01T18:00:00Z"}]


class _SwitchedOff(_Prefect):
    active = False


@pytest.mark.parametrize(
    ("how", "at", "said"),
    [
        (_Planned, "2126-11-30T02:00:00+08:00", "2126-11-30 02:00 Asia/Shanghai (in "),
        (_Late, "2026-01-02T02:00:00+08:00", "2026-01-02 02:00 Asia/Shanghai (due for "),
        (_Prefect, None, "none is scheduled: Prefect has planned none yet"),
        (_SwitchedOff, None, "none is scheduled: the schedule is switched off"),
        (Healthy, None, "none is scheduled: the Prefect server of nightshift up does not say when"),
    ],
)
def test_the_next_night_is_asked_of_the_server_of_nightshift_up(
    tmp_path: Path, how: type[Healthy], at: str | None, said: str
) -> None:
    with answering(how) as url:
        found = next_night(Workspace(tmp_path), _up(url))
    assert found.at == at and found.sentence.startswith(said)


def test_a_server_that_is_gone_is_said_in_the_place_of_the_next_night(tmp_path: Path) -> None:
    with answering() as url:
        pass
    assert "does not say when" in next_night(Workspace(tmp_path), _up(url)).sentence
