"""The chains that benches time do the work they are said to do; what a machine has not is skipped, and that is said."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.halves import ingest
from pipeline_lib.plan.data import plan_data, plan_sealed_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.bench import __main__ as command
from tests.bench import peers
from tests.bench.figures import ROOT, Figure
from tests.bench.our_chain import refresh
from tests.bench.workbench import BenchFailed, BenchSkipped, Workbench
from tests.data_nights import planned
from tests.tiny_night import KEY, arguments, english, environment, night_here, tiny_settings, write_corpus, write_lines


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    return write_corpus(tmp_path / "corpus")


def counted(settings: Settings) -> tuple[int, int]:
    """Documents and tokens that a training may read, by the snapshot."""
    workspace = Workspace(settings.workspace)
    ref = plan_sealed_data(settings, workspace).snapshot.whole.ref
    facts = workspace.store.read(ref.stage, ref.fingerprint).facts
    return facts["num_documents"], facts["num_tokens"]


def test_our_chain_makes_all_that_follows_from_ingested_documents(corpus: Path, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path / "workspace", corpus)
    with night_here(settings) as night:
        ingest(plan_data(settings, night.workspace), night)
    done = refresh(settings, settings.workspace)
    assert planned(settings).keys() == {name for name in planned(settings) if name.startswith("evaluate/")}
    assert (done["documents"], done["tokens"]) == counted(settings)
    assert Path(str(done["tokenizer"])).is_file()
    assert isinstance(done["seconds"], float) and done["seconds"] > 0


def test_a_data_half_leaves_nothing_to_do_and_takes_in_what_comes_later(corpus: Path, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path / "workspace", corpus)
    first = data_half(tmp_path / "workspace", corpus)
    assert planned(settings) == {}
    assert first["documents"] == counted(settings)[0]
    write_lines(corpus / "later.jsonl", {f"later-{n}": english(n) for n in range(1000, 1020)})
    second = data_half(tmp_path / "workspace", corpus)
    assert planned(settings) == {}
    assert second["documents"] == counted(settings)[0] > first["documents"]
    assert {"ingest", "clean", "dedup", "scrub", "tokenize"} <= second["stages"].keys()


def data_half(workspace: Path, corpus: Path) -> dict[str, object]:
    argv = [sys.executable, "-m", "tests.bench.data_half", *arguments(workspace, corpus)]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_code_before_comes_out_of_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = tmp_path / "history"
    history.mkdir()
    (history / "code.py").write_text("before")
    git(history, "init", "--quiet")
    git(history, "add", "code.py")
    git(history, "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "commit", "--quiet", "-m", "Code")
    monkeypatch.setattr(peers, "ROOT", history)
    monkeypatch.setattr(peers, "BEFORE", git(history, "rev-parse", "HEAD").strip())
    (history / "code.py").write_text("after")
    assert (peers.before(Workbench(tmp_path)) / "code.py").read_text() == "before"


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_without_the_history_nothing_is_compared_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet")
    monkeypatch.setattr(peers, "ROOT", tmp_path)
    with pytest.raises(BenchSkipped, match=r"revision ee46591 is not in the history of"):
        peers.before(Workbench(tmp_path))
    assert not (tmp_path / "before").exists()


class Measured:
    """A group of one figure."""

    FIGURES = (Figure("some_seconds", "s", "lower", "something"),)

    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def measure(self, _: Workbench) -> Iterator[tuple[str, float]]:
        yield "another_seconds", 1.0
        raise self.problem


@pytest.mark.parametrize(
    ("problem", "line", "is_failure"),
    [
        (BenchSkipped("no folder of texts"), "skipped: some_seconds: no folder of texts", False),
        (BenchFailed("status 1"), "not measured: some_seconds: status 1", True),
    ],
)
def test_what_is_not_on_this_machine_is_said_and_is_no_failure(
    problem: Exception, line: str, is_failure: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command._measure(Measured(problem), {"some_seconds"}, Workbench(tmp_path)) is is_failure
    assert capsys.readouterr().out.rstrip().endswith(line)
