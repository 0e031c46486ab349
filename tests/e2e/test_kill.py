"""A night that is killed, stopped or crowded: it goes on from there, ends with the same bytes and leaves nobody behind.

One workspace is killed again and again, at one stage after the other, each time by `kill -9` at a point chosen by a
seed; the same command goes on each time, and what stands at the end is compared with a night that nobody disturbed.
"""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.local import INCOMING
from pipeline_lib.store.workspace import RunRecord, Workspace
from pipeline_lib.train.job import read_metrics
from tests.e2e.conftest import House
from tests.tiny_night import (
    Ended,
    arguments,
    artifacts,
    environment,
    nightshift,
    refresh,
    run_night,
    tiny_settings,
)

DATA_STAGES = ("ingest", "clean", "dedup", "scrub", "tokenize")
POINTS = ("start", "before_seal", "before_rename", "after_rename")
STOPPED = "stopped; finished shards are kept, the same command goes on from there"
SEED = 13
CHECKPOINTS = {"train__checkpoint_every_steps": "1"}
CLI = "from flows.cli import main; main()"
# What a Prefect worker does with the deployment `refresh`: the flow alone, against a server that is there.
AS_A_WORKER = """
import sys
from flows.console import ConsoleReporter
from flows.launch import prefect_server
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace

words = sys.argv[2:]
settings = resolve(None, {}, list(zip((w.removeprefix("--") for w in words[::2]), words[1::2]))).settings
with prefect_server(Workspace(settings.workspace), ConsoleReporter()) as urls:
    urls.wait()
    from flows.refresh import refresh
    refresh(settings)
"""


@dataclass(frozen=True)
class Night:
    """A `nightshift run` at work, in a session of its own."""

    process: "subprocess.Popen[str]"
    workspace: Workspace

    def wait_until(self, what: Callable[[], object], seconds: float = 120.0) -> None:
        """Wait for something the night does; fails when it ends before."""
        deadline = time.monotonic() + seconds
        while not what():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def is_in(self, stage: str) -> bool:
        """Whether the newest run is in that stage."""
        return bool(runs := self.workspace.runs()) and runs[-1].stage == stage

    def end(self) -> tuple[int, str]:
        """Its exit status and what it said on stderr."""
        _, err = self.process.communicate(timeout=120)
        return self.process.returncode, err


def start(house: House, *, program: str = CLI, fail: str | None = None, **changes: str) -> Night:
    """Start a night, with a failpoint if one is named."""
    extra = {VARIABLE: fail} if fail else {}
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", *arguments(house.workspace, house.corpus, **changes)],
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )
    return Night(process, Workspace(house.workspace))


def _hear_ctrl_c() -> None:
    """As at a terminal. Tests that a script runs in the background have SIGINT ignored, and so have their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def processes_of(workspace: Path) -> list[str]:
    """Processes, zombies aside, that name the workspace in their command line or environment."""
    lines = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):  # it ends meanwhile
            if _is_about(process, workspace):
                lines.append(" ".join(process.cmdline())[:200])
    return lines


def _is_about(process: psutil.Process, workspace: Path) -> bool:
    try:
        words = [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return False
    return process.pid != os.getpid() and any(str(workspace) in word for word in words)


def assert_nobody_is_left(workspace: Path) -> None:
    deadline = time.monotonic() + 8
    while (left := processes_of(workspace)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def whole_artifacts(workspace: Path) -> dict[str, Manifest]:
    """All artifacts under their final names; each is whole and holds no file that its manifest does not name."""
    store, found = Workspace(workspace).store, {}
    for folder in store.root.glob("[!.]*/[0-9a-f]*"):
        manifest = store.open(folder.parent.name, folder.name).manifest
        named = {entry.name for entry in manifest.files} | {"manifest.json", ".verified.json"}
        assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == named
        found[f"{folder.parent.name}/{folder.name}"] = manifest
    return found


def prefect_runs(workspace: Path, table: str) -> list[tuple[str, str, str]]:
    """(name, state, message) of all flow or task runs in Prefect's own database, oldest first."""
    query = f"""select r.name, r.state_type, coalesce(s.message, '') from {table}_run r
        left join {table}_run_state s on s.id = r.state_id order by r.created"""
    with sqlite3.connect(f"file:{workspace / 'prefect' / 'prefect.db'}?mode=ro", uri=True) as database:
        return list(database.execute(query))


def digests(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """Of the artifacts of the data half, by fingerprint: settings, inputs and bytes."""
    return {name: manifest.digest for name, manifest in manifests.items() if name.split("/")[0] in DATA_STAGES}


def weights(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """The digests of the one model's files: weights of branch and trunk, optimizer, losses."""
    (model,) = [manifest for name, manifest in manifests.items() if name.startswith("train/")]
    return {entry.name: entry.sha256 for entry in model.files}


def checkpoints(workspace: Path) -> list[str]:
    return [path.name for path in workspace.glob("work/train/*/trunk-phase/checkpoint-*")]


def steps_done(workspace: Path) -> list[int]:
    """The numbers of all training steps that were done, those done twice twice."""
    (path,) = workspace.glob("work/train/*/metrics.jsonl")
    return [row["step"] for row in read_metrics(path)[0]]


@dataclass(frozen=True)
class Kill:
    """What was found after a kill."""

    stage: str
    record: RunRecord
    manifests: Mapping[str, Manifest]


@dataclass(frozen=True)
class Story:
    """One workspace: killed at every stage, and the night that came to its end."""

    house: House
    kills: Sequence[Kill]
    steps_at_kill: Sequence[int]  # of training, when its process was killed
    steps_at_end: Sequence[int]
    status: str  # `nightshift status` after the kill in dedup
    ended: Ended


def after(house: House, stage: str, night: Night) -> Kill:
    """Look at what a night left that was killed in this stage."""
    assert night.end()[0] == -signal.SIGKILL
    assert_nobody_is_left(house.workspace)
    return Kill(stage, night.workspace.runs()[-1], whole_artifacts(house.workspace))


def kill_at(house: House, stage: str, point: str, *, program: str = CLI) -> Kill:
    """Go on with the night until it kills itself, and all of its process group, at a failpoint."""
    return after(house, stage, start(house, program=program, fail=f"{stage}:{point}", **CHECKPOINTS))


def kill_between_trainings(house: House) -> Kill:
    """The training process is killed while it writes its second checkpoint; then the night, before it tries again.

    This time its main process alone: workers, server and all have to end by themselves.
    """
    night = start(house, fail="train:before_checkpoint:2", **CHECKPOINTS)
    night.wait_until(lambda: checkpoints(house.workspace))
    night.wait_until(lambda: not any("train.worker" in line for line in processes_of(house.workspace)))
    night.process.kill()
    return after(house, "train", night)


def lose_states(house: House) -> int:
    """Take away the states of tasks that have not ended, as a kill between two writes of the server does; how many."""
    with sqlite3.connect(house.workspace / "prefect" / "prefect.db") as database:
        return database.execute(
            """delete from task_run_state where id in
            (select state_id from task_run where state_type not in ('COMPLETED', 'CRASHED'))"""
        ).rowcount


@pytest.fixture(scope="module")
def story(finished_night: House, tmp_path_factory: pytest.TempPathFactory) -> Story:
    choice = random.Random(SEED)
    house = House(tmp_path_factory.mktemp("killed") / "workspace", finished_night.corpus)
    kills = [kill_at(house, stage, f"{choice.choice(POINTS)}:2") for stage in ("ingest", "clean", "dedup")]
    status = nightshift("status", "--workspace", str(house.workspace)).out
    kills.append(kill_at(house, "scrub", f"{choice.choice(POINTS)}:2", program=AS_A_WORKER))
    kills.append(kill_at(house, "tokenize", f"{choice.choice(POINTS)}:2"))
    kills.append(kill_between_trainings(house))
    steps_at_kill = steps_done(house.workspace)
    kills.append(kill_at(house, "train", "progress:1"))
    kills.append(kill_at(house, "train", "after_rename:1"))
    steps_at_end = steps_done(house.workspace)
    kills += [kill_at(house, stage, f"{choice.choice(POINTS)}:1") for stage in ("evaluate", "quantize")]
    assert lose_states(house) > 0
    kills.append(kill_at(house, "register", f"{choice.choice(POINTS)}:1"))
    ended = run_night(house.workspace, house.corpus, **CHECKPOINTS)
    return Story(house, kills, steps_at_kill, steps_at_end, status, ended)


def test_a_night_killed_at_every_stage_comes_to_its_end(story: Story) -> None:
    assert story.ended.status == 0, story.ended.err
    assert [kill.stage for kill in story.kills] == [*DATA_STAGES, *["train"] * 3, "evaluate", "quantize", "register"]


def test_the_documents_and_tokens_are_those_of_an_undisturbed_night(story: Story, finished_night: House) -> None:
    undisturbed = digests(artifacts(finished_night.workspace))
    assert len(undisturbed) > len(DATA_STAGES)
    assert digests(whole_artifacts(story.house.workspace)) == undisturbed


def test_the_weights_are_those_of_an_undisturbed_night(story: Story, finished_night: House) -> None:
    undisturbed = weights(artifacts(finished_night.workspace))
    assert {"model/model.safetensors", "trunk/model.safetensors", "trunk/optimizer.pt"} <= undisturbed.keys()
    assert weights(artifacts(story.house.workspace)) == undisturbed


def test_what_was_finished_before_a_kill_is_never_made_again(story: Story) -> None:
    at_the_end = artifacts(story.house.workspace)
    for kill in story.kills:
        assert {name: at_the_end[name].made for name in kill.manifests} == {
            name: manifest.made for name, manifest in kill.manifests.items()
        }


def test_each_kill_found_some_of_its_stage_done_and_some_not(story: Story) -> None:
    """Else the nights after it would have shown nothing."""
    total = Counter(name.split("/")[0] for name in artifacts(story.house.workspace))
    for kill in story.kills[: len(DATA_STAGES)]:
        done = sum(name.startswith(f"{kill.stage}/") for name in kill.manifests)
        assert 0 < done < total[kill.stage], kill.stage


def test_training_goes_on_from_its_newest_whole_checkpoint(story: Story) -> None:
    """Of the first training one checkpoint is whole, after step 1: the others go on behind it, and never before."""
    assert story.steps_at_kill[0] == 1 < max(story.steps_at_kill)
    assert story.steps_at_end.count(1) == 1
    assert story.steps_at_end.count(2) == 2
    assert sorted(set(story.steps_at_end)) == list(range(1, max(story.steps_at_end) + 1))
    assert list(story.house.workspace.glob("work/train/*")) == []


def test_a_killed_run_is_shown_as_what_it_is(story: Story) -> None:
    for kill in story.kills:
        assert kill.record.state == "killed"
        clock = time.strftime("%H:%M", time.localtime(kill.record.ended))
        assert kill.record.message == f"killed in {kill.stage} at {clock}; nightshift run goes on from there"
    assert story.kills[2].record.message in story.status
    assert story.kills[-1].record.message.split(";")[0] in story.ended.out


def test_in_prefect_killed_runs_are_crashed_with_that_message_and_nothing_runs_for_ever(story: Story) -> None:
    runs = prefect_runs(story.house.workspace, "flow")
    assert {state for _, state, _ in runs} == {"CRASHED", "COMPLETED"}
    crashed = {message for _, state, message in runs if state == "CRASHED"}
    assert crashed == {kill.record.message for kill in story.kills}
    assert [state for name, state, _ in runs if name.startswith("nightly")][-1] == "COMPLETED"
    tasks = prefect_runs(story.house.workspace, "task")
    assert {state for _, state, _ in tasks} == {"COMPLETED", "CRASHED"}


def test_the_model_is_registered_once(story: Story) -> None:
    with sqlite3.connect(story.house.workspace / "mlflow.db") as database:
        assert database.execute("select version from model_versions").fetchall() == [(1,)]


def test_kills_at_any_time_change_nothing(finished_night: House, tmp_path: Path) -> None:
    """As a Prefect worker starts it: without the command line around it, the flow finds and reports the kills."""
    choice = random.Random(SEED)
    house = House(tmp_path / "workspace", finished_night.corpus)
    for number in range(3):
        night = start(house, program=AS_A_WORKER)
        night.wait_until(lambda night=night, number=number: len(night.workspace.runs()) > number)
        time.sleep(choice.uniform(0, 4))
        os.killpg(night.process.pid, signal.SIGKILL)
        night.end()
        assert_nobody_is_left(house.workspace)
        whole_artifacts(house.workspace)
    assert start(house, program=AS_A_WORKER).end()[0] == 0
    assert digests(whole_artifacts(house.workspace)) == digests(artifacts(finished_night.workspace))
    assert list(house.workspace.rglob("*.tmp*")) == []
    assert list((house.workspace / "artifacts" / INCOMING).iterdir()) == []
    killed = [run.message for run in Workspace(house.workspace).runs() if run.state == "killed"]
    assert killed
    runs = prefect_runs(house.workspace, "flow")
    assert [message for _, state, message in runs if state == "CRASHED"] == killed
    assert runs[-1][1] == "COMPLETED"


def assert_stopped(house: House, night: Night, stage: str, status: int) -> None:
    began = time.monotonic()
    ended, err = night.end()
    assert ended == status, err
    assert time.monotonic() - began < 60  # a training has 30 seconds for its checkpoint
    assert err.strip().splitlines()[-1] == STOPPED
    assert "Traceback" not in err
    assert_nobody_is_left(house.workspace)
    record = night.workspace.runs()[-1]
    assert record.state == "stopped"
    assert re.fullmatch(rf"stopped in {stage} at \d\d:\d\d; nightshift run goes on from there", record.message)
    for table in ("flow", "task"):
        assert {state for _, state, _ in prefect_runs(house.workspace, table)} <= {"COMPLETED", "CRASHED"}
    assert prefect_runs(house.workspace, "flow")[0][1] == "CRASHED"
    whole_artifacts(house.workspace)


def test_ctrl_c_stops_a_night_with_one_line(empty_house: House) -> None:
    """A terminal sends it to the whole process group, workers included."""
    night = start(empty_house)
    night.wait_until(lambda: night.is_in("clean"))
    os.killpg(night.process.pid, signal.SIGINT)
    assert_stopped(empty_house, night, "clean", 130)


def test_one_night_at_a_time_and_sigterm_stops_it_after_a_checkpoint(empty_house: House) -> None:
    house = empty_house
    refresh(tiny_settings(house.workspace, house.corpus))
    night = start(house, train__num_epochs="100")
    night.wait_until(
        lambda: any(steps_done(house.workspace) for _ in house.workspace.glob("work/train/*/metrics.jsonl"))
    )
    second = run_night(house.workspace, house.corpus)
    assert second.status == 6
    assert f"another run is at work here (process {night.process.pid}, in train)" in second.err
    assert len(second.err.strip().splitlines()) == 1
    night.process.terminate()
    assert_stopped(house, night, "train", 143)
    assert checkpoints(house.workspace)
