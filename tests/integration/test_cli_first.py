"""The command line before there is anything: while it loads, and where no workspace is yet."""

from importlib import metadata
from pathlib import Path

import pytest

from flows.halves import refresh_data
from flows.stopped import STOPPED
from pipeline_lib.plan.data import NEW_KEY, plan_data
from pipeline_lib.scrub.key import demo_key_path
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace
from tests.in_child import run_program
from tests.shell import Shell
from tests.tiny_night import night_here

INTERRUPTED = """
import os, signal, sys

wanted = sys.argv.pop()

class Interrupting:
    def find_spec(self, name, *_):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.{handler})
sys.meta_path.insert(0, Interrupting())
from flows.entry import main
sys.argv = ["nightshift", "config"]
main()
"""


@pytest.mark.parametrize("module", ["typer", "flows.cli.models", "pipeline_lib.stages", "flows.show.config"])
def test_a_ctrl_c_while_it_is_still_loading_is_one_line(module: str) -> None:
    ended = run_program(INTERRUPTED.format(handler="default_int_handler"), module)
    assert (ended.returncode, ended.stdout, ended.stderr.splitlines()) == (130, "", [STOPPED])


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
from flows.entry import main
sys.argv = ["nightshift", "clean"]
main()
"""


@pytest.mark.parametrize("limit", [100_000_000, 250_000_000, 399_000_000])
def test_a_limit_under_which_nothing_loads_is_one_line(limit: int) -> None:
    ended = run_program(LIMITED, str(limit))
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
    assert f"may address {limit / 1e9:.2f} GB (ulimit -v), and needs 0.4" in ended.stderr


def test_who_has_it_ignored_goes_on() -> None:
    ended = run_program(INTERRUPTED.format(handler="SIG_IGN"), "flows.cli.models")
    assert ended.returncode == 0, ended.stderr


def test_nothing_at_all_asks_for_help(call: Shell) -> None:
    assert call() == call("--help")
    assert "nightshift run" in call().out and call().status == 0


def test_it_says_which_release_it_is(call: Shell) -> None:
    said = call("--version")
    assert (said.status, said.out.split(), said.err) == (0, ["nightshift", metadata.version("nightshift")], "")


DOCS = '[{"kind": "installed_docs", "packages": ["pluggy"]}]'  # the demo on one small package
LOOKS = [
    "plan",
    "doctor",
    "status",
    "trace",
    "trace 1",
    "why x",
    "verify --dry-run",
    "gc --dry-run",
    "rollback --dry-run",
]


@pytest.mark.parametrize("words", LOOKS)
def test_a_look_where_nothing_is_yet_makes_nothing_there(
    call: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.delenv("NIGHTSHIFT_SCRUB_KEY")
    said = call(*words.split(), "--workspace", str(tmp_path / "workspace"), "--ingest.sources", DOCS)
    assert said.status in (0, 2), said.err
    assert list(tmp_path.iterdir()) == []


def test_the_key_of_the_demo_is_made_by_the_night_and_what_was_planned_before_is_done_with_it(
    call: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTSHIFT_SCRUB_KEY")
    settings = resolve(None, {}, [("workspace", str(tmp_path / "workspace")), ("ingest.sources", DOCS)]).settings
    workspace = Workspace(tmp_path / "workspace")
    assert plan_data(settings, workspace).key_id == NEW_KEY
    with night_here(settings) as night:
        refresh_data(night)
    key = demo_key_path(workspace.root)
    made = key.read_text()
    key.unlink()
    said = call("plan", "--workspace", str(workspace.root), "--ingest.sources", DOCS)
    assert (said.status, "key" in said.out, key.exists()) == (0, True, False), said.out
    key.write_text(made)
    key.chmod(0o600)
    assert not any(step.todo for _, steps in plan_data(settings, workspace).stages for step in steps)
