"""The command line as people use it: mistakes, the nine stages one by one, and the pages that only look.

Most calls run in this process (`flows.cli.main`), as the command does after its start; what is about the process itself
(no traceback, nothing heavy imported, a full disk) runs as a real one.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.cli.options import without_settings
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.moves import begun
from pipeline_lib.register.promotion import promote
from pipeline_lib.stages import STAGES as ALL_STAGES
from pipeline_lib.stages import resolve
from pipeline_lib.store.home import settle
from tasks.moves import registry_for
from tests.integration.register.conftest import cut
from tests.shell import Shell
from tests.tiny_night import arguments, environment, nightshift, write_corpus

HEAVY = ("prefect", "mlflow", "torch", "transformers", "spacy", "numba")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace on which the nine stages ran one by one; `said` holds what each wrote. Never change it."""
    root = tmp_path_factory.mktemp("staged")
    words = arguments(root / "workspace", write_corpus(root / "corpus"), resources__workers="1")
    script = f"""
import sys, io, json, contextlib
from flows.cli import main
said = {{}}
for stage in {STAGES!r}:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([stage, *{words!r}])
        except SystemExit as left:
            status = left.code
    said.setdefault(stage, []).append([status, out.getvalue(), err.getvalue()])
json.dump(said, open({str(root / "said.json")!r}, "w"))
"""
    program = root / "stages.py"  # worker processes import the main module again
    program.write_text(f"if __name__ == '__main__':\n    exec({script!r})\n", encoding="utf-8")
    subprocess.run([sys.executable, str(program)], env=environment(), check=True, timeout=300)
    yield root


STAGES = ("clean", "ingest", "clean", "scrub", "dedup", "scrub", "train", "tokenize", "evaluate", "train", "register")
STAGES += ("evaluate", "quantize", "register", "register")


@pytest.fixture
def words(staged: Path) -> list[str]:
    """The settings of the staged workspace."""
    return arguments(staged / "workspace", staged / "corpus")


@pytest.fixture
def copied(staged: Path, tmp_path: Path) -> list[str]:
    """Settings of a copy of it, to change at will."""
    shutil.copytree(staged / "workspace", tmp_path / "workspace", symlinks=True)
    settle(tmp_path / "workspace")
    return arguments(tmp_path / "workspace", staged / "corpus")


def _said(staged: Path, stage: str) -> list[list[object]]:
    found: list[list[object]] = json.loads((staged / "said.json").read_text())[stage]
    return found


# Mistakes: what a person types, and the one line that answers.
MISTAKES = [
    (["pln"], "No such command 'pln'. Did you mean 'plan'?"),
    (["plan", "--conf", "x"], "nightshift plan: No such option: --conf (Possible options: --config, --json)."),
    (["plan", "--worksapce", "x"], "--worksapce: there is no such option. Did you mean --workspace?"),
    (["plan", "--al"], "No such option: --al (Possible options: --all"),
    (["plan", "extra"], "nightshift plan: Got unexpected extra argument(s) (extra)"),
    (["plan", "--train.max_step", "4"], "train.max_step: there is no such setting. Did you mean train.max_steps?"),
    (["plan", "--train.max_steps"], "--train.max_steps: needs a value"),
    (["plan", "--train.max_steps", "--all"], "--train.max_steps: needs a value"),
    (["plan", "--train.max_steps", "many"], "train.max_steps: Input should be a valid integer"),
    (["plan", "--train.max_steps=1"], "train.max_steps: Input should be greater than or equal to 2 (got '1')"),
    (["plan", "--config"], "Option '--config' requires an argument."),
    (["plan", "--config", "nope.toml"], "nope.toml: there is no such settings file."),
    (["plan", "--config", "smal"], "or the name of one of ours: cluster, demo, small."),
    (["why"], "Missing argument 'document'."),
    (["try"], "Missing argument 'file'."),
    (["promote", "best"], "Invalid value for 'version'"),
    (["export", "--to"], "nightshift export: Option '--to' requires an argument. See nightshift export --help."),
    (
        ["export", "--to", "x", "--segment-chars", "9"],
        "nightshift export: Option '--segment-chars' requires 2 arguments",
    ),
    (["up", "--prefect-port", "65536"], "Invalid value for '--prefect-port'"),
    (["up", "--mlflow-port", "-1"], "Invalid value for '--mlflow-port'"),
    (["try", "tests"], "tests: is a folder. Name a file, or - for standard input."),
    (["try", "nope.txt"], "nope.txt: there is no such file. Name a file, or - for standard input."),
    (["plan", "--workspace", ""], "workspace is empty; name a path (. is the folder that you are in)."),
    (["status", "--workspace", "README.md"], "README.md is a file, so no workspace can be here."),
    (["doctor", "--fix", "--workspace", "."], "is no workspace, and holds files of others"),
]


@pytest.mark.parametrize(("typed", "answer"), MISTAKES, ids=[" ".join(typed) for typed, _ in MISTAKES])
def test_a_mistake_is_answered_in_one_line(call: Shell, typed: list[str], answer: str) -> None:
    said = call(*typed)
    assert (said.status, said.out) == (2, "")
    assert answer in said.err
    assert len(said.err.strip().split("\n")) == 1


def test_a_real_mistake_imports_nothing_heavy_and_shows_no_traceback() -> None:
    """Two seconds are for a slow machine; that nothing heavy is imported is what makes it quick on any."""
    program = (
        "import sys\nfrom flows.cli import main\ntry:\n    main(['plan', '--train.max_step', '4'])\n"
        f"finally:\n    sys.stdout.write(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "Did you mean train.max_steps?" in done.stderr


ON_A_WORKSPACE = [
    ["run"], ["up"], ["plan"], ["status"], ["gc"], ["gc", "--dry-run"],
    ["why", "a.txt"], ["trace"], ["trace", "--document", "a.txt"], ["export", "--to", "out"],
    ["promote", "1"], ["promote", "1", "--dry-run"], ["rollback"], ["rollback", "--dry-run"],
    ["approve"], ["approve", "--dry-run"], ["refuse"],
    *([stage.word] for stage in ALL_STAGES),
]  # fmt: skip


@pytest.mark.parametrize("typed", ON_A_WORKSPACE, ids=[" ".join(typed) for typed in ON_A_WORKSPACE])
def test_a_workspace_of_the_first_layout_is_refused_by_every_command_and_left_as_it_is(
    call: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = tmp_path / "workspace" / "state" / "catalog.json"
    catalog.parent.mkdir(parents=True)
    catalog.write_text("[]")
    said = call(*typed, "--workspace", "workspace")
    assert said.status != 0
    assert "this workspace has layout 1, of an older release of Nightshift" in said.err
    assert len(said.err.strip().split("\n")) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [catalog]


ON_ONE_THAT_IS = [
    "gc", "gc --dry-run", "verify", "verify --dry-run", "compact", "compact --dry-run", "backup kept", "forget x",
    "promote 1", "promote 1 --dry-run", "rollback", "approve", "refuse", "report", "report eu",
]  # fmt: skip


@pytest.mark.parametrize("typed", ON_ONE_THAT_IS)
def test_what_looks_after_a_workspace_or_moves_its_champion_makes_none(
    call: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """A folder of a wrong name would be all whole, and have nothing to remove."""
    monkeypatch.chdir(tmp_path)
    said = call(*typed.split(), "--workspace", str(tmp_path / "mistyped"))
    assert said.status == 2
    assert "there is no workspace yet. nightshift run makes one; --workspace names another." in " ".join(
        said.err.split()
    )
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_in_a_file_names_the_file(call: Shell, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[train]\nmax_step = 3\n")
    said = call("plan", "--config", str(config))
    assert (said.status, "Did you mean train.max_steps?" in said.err, str(config) in said.err) == (2, True, True)


def test_no_key_a_missing_source_and_an_impossible_workspace_stop_before_anything_runs(
    call: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = call("ingest", *arguments(tmp_path / "workspace", tmp_path / "nowhere"))
    assert (missing.status, "the path of source 'docs' does not exist" in missing.err) == (2, True)
    (tmp_path / "file").write_text("")
    impossible = call("ingest", *arguments(tmp_path / "file" / "workspace", tmp_path))
    assert (impossible.status, "file/workspace" in impossible.err) == (2, True)
    monkeypatch.delenv("NIGHTSHIFT_SCRUB_KEY")
    keyless = call("run", *arguments(tmp_path / "workspace", tmp_path))
    assert (keyless.status, "Set NIGHTSHIFT_SCRUB_KEY" in keyless.err) == (2, True)
    for said in (missing, impossible, keyless):
        assert len(said.err.strip().split("\n")) == 1


def test_an_mlflow_that_nobody_serves_stops_the_night_at_its_start(call: Shell, tmp_path: Path) -> None:
    words = arguments(tmp_path / "workspace", tmp_path, register__tracking_uri="http://127.0.0.1:9")
    for command in (["run"], ["train"], ["trace", "1"], ["promote", "1", "--dry-run"]):
        said = call(*command, *words)
        assert (said.status, said.err.startswith("MLflow at http://127.0.0.1:9 cannot be reached.")) == (4, True)
    assert not (tmp_path / "workspace" / "artifacts").exists()


def limited(resource_: int, limit: int, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command as a process that may have no more than that of a resource of the system."""
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource_, (limit, limit)),
    )


def test_a_full_disk_is_one_message_that_says_so(staged: Path, copied: list[str]) -> None:
    """The limit on the size of a file is the nearest thing to a full disk that a test may cause."""
    words = [*copied, "--clean.rules.min_words.v1.at_least", "60"]
    done = limited(resource.RLIMIT_FSIZE, 2048, "clean", *words)
    assert done.returncode == 4
    assert "no space left for this file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_limit_under_which_nothing_works_is_named_before_anything_begins(copied: list[str]) -> None:
    """Native code would end the process, or no thread start."""
    done = limited(resource.RLIMIT_AS, 1_500_000_000, "clean", *copied)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("This process may address 1.50 GB (ulimit -v), and needs 2")


def test_a_stage_whose_predecessor_did_not_run_says_which_one_to_run(staged: Path) -> None:
    first = {stage: _said(staged, stage)[0] for stage in ("clean", "scrub", "train", "evaluate", "register")}
    assert {status for status, _, _ in first.values()} == {3}
    assert first["clean"][2] == "clean: there is no batch yet. Run nightshift ingest first.\n"
    assert first["scrub"][2] == "scrub: dedup 0001-docs is not done. Run nightshift dedup first.\n"
    assert first["train"][2].endswith("Run nightshift tokenize first.\n")  # type: ignore[attr-defined]
    assert first["evaluate"][2] == "evaluate: train model is not done. Run nightshift train first.\n"
    assert (
        first["register"][2] == "register: quantize onnx_int8_dynamic.v1 is not done. Run nightshift quantize first.\n"
    )


def test_the_nine_stages_run_one_by_one_and_a_second_time_reuse_all(staged: Path) -> None:
    for stage in ("ingest", "clean", "dedup", "scrub", "tokenize", "train", "evaluate", "quantize", "register"):
        status, out, err = _said(staged, stage)[-1]
        assert (status, err) == (0, ""), stage
        assert isinstance(out, str) and f"  {stage} " in out
    assert re.search(r"version 1 (not )?promoted: ", str(_said(staged, "register")[-2][1]))
    assert "cached" in str(_said(staged, "register")[-1][1])


def test_a_stage_alone_finishes_a_move_that_was_cut_off(
    call: Shell, copied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = registry_for(resolve(None, {}, without_settings(copied)[1]).settings)
    now = datetime.now(UTC)
    cut("after_champion", lambda: promote(registry, 1, expected_champion="anybody", reason="", now=now), monkeypatch)
    assert begun(registry)
    assert call("clean", *copied).status == 0
    assert not begun(registry)
    assert moves_of(registry)[-1].version == 1


def test_plan_folds_what_is_reused_and_names_a_changed_setting(call: Shell, words: list[str]) -> None:
    nothing = call("plan", *words)
    assert "Nothing new: all" in nothing.out
    assert " work " not in nothing.out
    limit = ("--clean.rules.min_words.v1.at_least", "40")
    changed = call("plan", *words, *limit)
    assert re.search(r"clean .* shards 0-\d: judgement +work +rules\.min_words\.v1\.at_least 50 -> 40 ", changed.out)
    assert re.search(r"clean .* shards 0-\d: text, signals, terms +reuse +nothing changed", changed.out)
    assert json.loads(call("plan", "--json", *words).out)["is_nothing_new"]
    every = call("plan", *words, *limit, "--all").out
    assert every.count("shard ") > 3 > changed.out.count("shard ")


def test_config_is_a_file_that_gives_the_same_settings(call: Shell, words: list[str], tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(call("config", *words).out, encoding="utf-8")
    pairs = [(words[at].removeprefix("--"), words[at + 1]) for at in range(0, len(words), 2)]
    assert resolve(config, {}, []).settings == resolve(None, {}, pairs).settings
    again = call("config", "--config", str(config)).out
    assert again == config.read_text(encoding="utf-8")


def test_config_explains_values_with_their_origin(call: Shell) -> None:
    out = call("config", "--explain", "--train.max_steps", "9").out
    line = next(line for line in out.split("\n") if line.startswith("train.max_steps"))
    assert re.match(r"train\.max_steps +9 +steps +command line --train\.max_steps +steps of a night at most", line)
    assert "clean.rules.min_words.v1.at_least" in out
    assert "register.gate.max_variant_loss_share" in out


def test_why_tells_the_way_of_a_document(call: Shell, words: list[str]) -> None:
    kept = call("why", "a_english.jsonl#en-0", *words).out
    assert [line.split()[0] for line in kept.split("\n")[2:7]] == ["ingest", "clean", "dedup", "scrub", "tokenize"]
    assert "personal data replaced: email 1" in kept
    assert "reader0@example.com" not in kept
    lost = call("why", "copies.jsonl#copy-1", *words).out
    assert "dropped   exact_duplicate of a_english.jsonl#en-1 (id " in lost
    near = call("why", "copies.jsonl#near-4", *words).out
    assert re.search(r"near_duplicate of a_english\.jsonl#en-4 .*found by minhash", near)
    assert re.search(r"near_duplicate\.v1: 0\.\d+, at most 0\.7", near)
    assert "num_stop_words" not in kept
    assert "num_stop_words" in call("why", "a_english.jsonl#en-0", "--all", *words).out
    story = json.loads(call("why", "copies.jsonl#copy-1", "--json", *words).out)["documents"][0]
    assert story["decisions"][-1]["facts"]["duplicate_url"] == "a_english.jsonl#en-1"


def test_settings_may_stand_before_what_a_command_is_about(call: Shell, words: list[str]) -> None:
    assert call(*words, "why", "a_english.jsonl#en-0") == call("why", "a_english.jsonl#en-0", *words)


def test_why_of_an_unknown_document_suggests_some(call: Shell, words: list[str]) -> None:
    said = call("why", "english.jsonl#en-1", *words)
    assert said.status == 2
    assert "Did you mean one of these?\n  a_english.jsonl#en-1\n" in said.err


def test_trace_walks_from_a_version_to_its_batches(call: Shell, words: list[str]) -> None:
    out = call("trace", "models:/nightshift-tiny/1", *words).out
    assert re.search(r"^nightshift-tiny version 1 \((champion|challenger)\)\n", out)
    assert re.search(r"snapshot digest +[0-9a-f]{32}\n", out)
    assert re.search(r"started from scratch; \d+ steps \(\d+ on the trunk\) over [\d,]+ tokens", out)
    assert re.search(r"0001-docs +(all|in part) +\d+ +[\d,]+ +\d+\n", out)
    listed = call("trace", "1", "--all", *words).out
    assert re.search(r"\d+ of +\d+  a_english\.jsonl#en-\d+  [0-9a-f]{32}\n", listed)
    assert "copies.jsonl#copy-1 " not in listed


def test_trace_of_a_document_agrees_with_the_list_of_its_model(call: Shell, words: list[str]) -> None:
    listed = call("trace", "1", "--all", *words).out
    read, url = next(
        (int(found[1]), found[2])
        for found in re.finditer(r"(\d+) of +\d+  (\S+)  [0-9a-f]+\n", listed)
        if int(found[1])
    )
    assert f"learned {read} of its" in call("trace", "--document", url, *words).out
    dropped = call("trace", "--document", "copies.jsonl#copy-1", *words).out
    assert "dropped in dedup: exact_duplicate" in dropped
    assert "no model of this workspace has learned it" in dropped


def test_trace_of_a_step_names_its_documents(call: Shell, words: list[str]) -> None:
    told = json.loads(call("trace", "1", "--json", *words).out)
    num_steps = told["trainings"][0]["num_steps"]
    assert (told["model"], told["version"], told["documents"]) == ("nightshift-tiny", 1, None)
    every = {
        one["document_id"]: one for one in json.loads(call("trace", "1", "--all", "--json", *words).out)["documents"]
    }
    last = json.loads(call("trace", "1", "--step", str(num_steps), "--json", *words).out)
    assert last["step"] == num_steps
    for document in last["documents"]:
        whole = every[document["document_id"]]
        assert (document["url"], document["num_tokens"]) == (whole["url"], whole["num_tokens"])
        assert 0 < document["num_read"] <= whole["num_read"] <= whole["num_tokens"]
    page = call("trace", "1", "--step", str(num_steps), *words).out
    assert f"{len(last['documents'])} documents in step {num_steps} of {num_steps}, on the branch" in page
    beyond = call("trace", "1", "--step", str(num_steps + 1), *words)
    assert (beyond.status, f"took {num_steps} steps. Ask for one from 1 to {num_steps}." in beyond.err) == (2, True)


def test_trace_of_a_held_out_document_names_the_benchmarks_that_have_it(call: Shell, words: list[str]) -> None:
    told = [call("trace", "--document", f"a_english.jsonl#en-{number}", *words).out for number in range(24)]
    held_out = [page for page in told if "held out: models are judged on it and never learn it" in page]
    assert any("benchmarks that have it: frozen-1" in page for page in held_out)
    assert all("no model of this workspace has learned it" in page for page in held_out)
    assert any(re.search(r"version 1 .*learned \d+ of its \d+ tokens", page) for page in told)
    (story,) = json.loads(call("trace", "--document", "a_english.jsonl#en-0", "--json", *words).out)
    assert {"url", "document_id", "is_held_out", "withdrawn_by", "benchmarks", "models"} <= story.keys()


@pytest.mark.parametrize("question", [["--all", "--step", "1"], ["--document", "x", "--all"], ["1", "--document", "x"]])
def test_trace_is_asked_one_question_at_a_time(call: Shell, question: list[str]) -> None:
    said = call("trace", *question)
    assert (said.status, said.err.startswith("trace: --document")) == (2, True)


def test_trace_of_what_there_is_not(call: Shell, words: list[str]) -> None:
    unknown = call("trace", "9", *words)
    assert (unknown.status, "there is no version or alias '9'. There are version 1" in unknown.err) == (2, True)
    other = call("trace", "models:/other@champion", *words)
    assert (other.status, "other has no version yet." in other.err) == (2, True)


def test_status_before_any_night_and_without_a_champion(call: Shell, words: list[str], tmp_path: Path) -> None:
    assert "No night has run in" in call("status", "--workspace", str(tmp_path)).out
    assert call("status", *words).status == 0


def test_promote_and_rollback_foretell_without_moving(call: Shell, copied: list[str]) -> None:
    foretold = call("promote", "1", "--dry-run", *copied)
    assert re.search(r"nightshift-tiny: champion (none|1) -> 1; its files are whole", foretold.out)
    nowhere = call("rollback", "--dry-run", *copied)
    assert (nowhere.status, "no previous champion to go back to. Promote a version" in nowhere.err) == (5, True)
    unknown = call("promote", "7", "--dry-run", *copied)
    assert (unknown.status, "nightshift-tiny has no version 7." in unknown.err) == (2, True)


def test_promote_moves_the_champion_and_rollback_has_nowhere_to_go(copied: list[str]) -> None:
    """As real commands, which need no server."""
    moved = nightshift("promote", "1", "--reason", "looks [good]", *copied)
    assert (moved.status, moved.err) == (0, "")
    assert re.search(r"nightshift-tiny: champion (none|1) -> 1 \(promote\)", moved.out)
    status = nightshift("status", *copied)
    assert "models:/nightshift-tiny@champion is version 1; nothing to roll back to" in status.out
    assert "looks [good]" in status.out
    assert re.search(r"champion +\d\.\d+ +\d\.\d+ \.\. \d\.\d+", status.out)
    refused = nightshift("rollback", *copied)
    assert refused.status == 5
    assert refused.err == "nightshift-tiny has no previous champion to go back to. Promote a version instead.\n"


def test_a_move_that_was_cut_off_is_finished_by_the_next_command_of_any_kind(
    call: Shell, copied: list[str], tmp_path: Path
) -> None:
    killed = nightshift("promote", "1", *copied, **{VARIABLE: "register:after_champion:1"})
    assert killed.status == -signal.SIGKILL, killed.err
    (begun,) = (tmp_path / "workspace" / "state" / "promotions").glob("begun-*")
    intention = begun.read_bytes()
    for words in ["plan"], ["trace"], ["gc", "--dry-run"], ["verify"], ["compact"], ["backup", str(tmp_path / "kept")]:
        begun.write_bytes(intention)  # each of its writes may be done twice
        said = call(*words, *copied)
        assert (said.status, begun.exists()) == (0, False), (words, said.err)
    assert "champion is version 1" in call("status", *copied).out


def test_a_guard_that_stops_a_night_is_one_message_and_a_failed_run(copied: list[str]) -> None:
    """Also from inside Prefect's engine."""
    guards = ["--guards.min_documents", "5", "--guards.max_drop_share", "0.01", "--dedup.jaccard_at_least", "0.6"]
    stopped = nightshift("run", *copied, *guards)
    assert stopped.status == 3
    assert re.fullmatch(r"dedup 0001-docs: \d+ of \d+ documents .* Correct \[dedup\], or raise .*\n", stopped.err)
    status = nightshift("status", *copied, *guards)
    assert re.search(r"nightly tiny +failed +.*dedup 0001-docs: ", status.out)
    assert "Correct [dedup]" in " ".join(status.out.split())


BROKEN = [
    ("catalog.json", 3, "state/catalog.json: is not the JSON that was written there."),
    ("pins/*", 3, "is not the JSON that was written there."),
    ("last/*", 0, ""),
    ("runs/*", 0, ""),
    ("up.json", 0, ""),
]


@pytest.mark.parametrize(("pattern", "status", "message"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_a_broken_state_file_is_named_when_it_matters(
    call: Shell, copied: list[str], pattern: str, status: int, message: str
) -> None:
    state = Path(copied[copied.index("--workspace") + 1]) / "state"
    (state / "up.json").write_text("{}")
    for path in state.glob(pattern):
        path.write_text('{"half a')
    for command in ("plan", "status"):
        said = call(command, *copied)
        assert said.status in (0, status)
    assert call("plan", *copied).status == status
    assert message in call("plan", *copied).err


def test_help_teaches_settings_by_dotted_names_and_every_command_has_words(call: Shell) -> None:
    help_text = call("--help").out
    for command in ("run", "plan", "status", "why", "try", "trace", "promote", "rollback", "up", "config", *STAGES):
        assert re.search(rf"│ {command} +\S", help_text), command
    assert "--train.max_steps 500" in help_text
    assert "nightshift why numpy/linalg/_linalg.py#solve" in call("why", "--help").out


def test_the_environment_of_a_test_does_not_reach_the_settings() -> None:
    assert not [name for name in os.environ if name.startswith("NIGHTSHIFT_") and "__" in name]
