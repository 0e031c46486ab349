"""The table of stages says the same as folders, settings, commands, tasks, contracts; and one more stage is one row."""

import inspect
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from flows.cli import app
from pipeline_lib.base.settings import is_operational
from pipeline_lib.run.board import Board
from pipeline_lib.run.maker import Maker
from pipeline_lib.run.stage import Stage
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import BY_WORD, OF_A_BATCH, STAGES, AllSettings
from tests.copied import ROOT, Copy

LIBRARY = ROOT / "pipeline_lib"
WORDS = [stage.word for stage in STAGES]
FILES = ("settings.py", "stage.py", "works.py")
MAKERS = [maker for stage in STAGES for maker in stage.makers]

of_each_stage = pytest.mark.parametrize("stage", STAGES, ids=WORDS)
of_each_maker = pytest.mark.parametrize("maker", MAKERS, ids=[maker.name for maker in MAKERS])


def contract(name: str) -> dict[str, Any]:
    """A contract of the import linter."""
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [found] = [each for each in tree["tool"]["importlinter"]["contracts"] if each["name"].startswith(name)]
    return dict(found)


def test_the_words_are_the_folders_that_have_the_three_files_of_a_stage() -> None:
    folders = [folder.name for folder in LIBRARY.iterdir() if all((folder / name).is_file() for name in FILES)]
    assert sorted(folders) == sorted(WORDS)
    assert all((ROOT / "tests" / "unit" / word).is_dir() for word in WORDS)


def test_the_words_are_the_sections_of_the_settings_in_their_order() -> None:
    sections = {n: f for n, f in AllSettings.model_fields.items() if n not in Settings.model_fields}
    assert list(sections) == WORDS
    assert [field.annotation for field in sections.values()] == [stage.settings for stage in STAGES]
    assert all(sections[stage.word].description == stage.about for stage in STAGES)


def test_the_words_are_commands_and_tasks() -> None:
    from tasks.stages import TASKS

    assert set(WORDS) <= {command.name for command in app.registered_commands}
    assert list(TASKS) == WORDS
    assert [TASKS[stage.word].retries for stage in STAGES] == [stage.policy.retries for stage in STAGES]


def test_the_import_contract_knows_all_stages_and_lets_none_import_another() -> None:
    """In a layer, "|" stands between modules that do not know each other."""
    layers = contract("Rooms of the library")["layers"]
    assert " | ".join(WORDS) in layers
    assert layers.index("stages") < layers.index(" | ".join(WORDS)) < layers.index("model")


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("MLflow only behind", {"register"}),
        ("The data half, and what is below", {"train", "evaluate", "quantize", "register"}),
    ],
)
def test_no_stage_is_forgotten_where_some_may_import_what_others_may_not(name: str, without: set[str]) -> None:
    assert {f"pipeline_lib.{word}" for word in WORDS if word not in without} <= set(contract(name)["source_modules"])


def test_words_and_makers_are_unique() -> None:
    names = [maker.name for maker in MAKERS]
    assert len(set(names)) == len(names)
    assert list(BY_WORD) == WORDS


@of_each_stage
def test_a_stage_lives_under_its_word(stage: Stage) -> None:
    assert stage.makers == import_module(f"pipeline_lib.{stage.word}.stage").MAKERS
    assert stage.settings.__module__ == f"pipeline_lib.{stage.word}.settings"
    assert stage.help.endswith(".") and stage.about


@of_each_maker
def test_a_maker_begins_with_the_word_of_its_stage_and_says_what_it_makes(maker: Maker) -> None:
    stage = BY_WORD[maker.stage]
    assert maker in stage.makers
    assert re.fullmatch(rf"{stage.word}\.[a-z_]+", maker.name)
    assert re.fullmatch(r"[a-z_]+\.v\d+", maker.schema)
    assert maker.version >= 1


@of_each_maker
def test_a_maker_reads_settings_that_there_are_and_that_decide(maker: Maker) -> None:
    fields = BY_WORD[maker.stage].settings.model_fields
    assert {*maker.reads, *maker.sees} <= fields.keys()
    assert [name for name in maker.reads if is_operational(fields[name])] == []


@of_each_maker
def test_a_maker_is_a_function_of_settings_inputs_and_a_folder_and_is_known_to_the_contract(maker: Maker) -> None:
    assert [name.lstrip("_") for name in inspect.signature(maker.make).parameters] == ["settings", "inputs", "folder"]
    assert maker.make.__module__.startswith(f"pipeline_lib.{maker.stage}.")
    assert maker.name in (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", OF_A_BATCH, ids=lambda stage: stage.word)
def test_the_works_of_a_stage_of_batches_are_a_function_of_settings_and_board(stage: Stage) -> None:
    assert stage.works is not None
    module, _, name = stage.works.partition(":")
    assert module == f"pipeline_lib.{stage.word}.works"
    signature = inspect.signature(getattr(import_module(module), name), eval_str=True)
    assert list(signature.parameters) == ["settings", "board"]
    assert signature.return_annotation is Board


@of_each_stage
def test_what_a_stage_decided_is_kept_by_makers_of_its_own(stage: Stage) -> None:
    kept = [] if stage.ledger is None else [stage.ledger.maker, *(maker for maker, _ in stage.ledger.beside)]
    assert set(kept) <= {maker.name for maker in stage.makers}
    assert (stage.ledger is not None) == (stage in OF_A_BATCH or stage.word == "ingest")


# One more stage -----------------------------------------------------------------------------------------------------

ROW = """    Stage(
        word="decontaminate",
        about="tests of others",
        help="Drop documents that hold tests of others.",
        settings=DecontaminateSettings,
        makers=DECONTAMINATE,
        policy=Policy(retries=2, back_off_seconds=2),
        works="pipeline_lib.decontaminate.works:works",
        ledger=Ledger("decontaminate.decide", file="part-{shard:05d}/ledger.parquet"),
    ),
"""
IMPORTS = """from pipeline_lib.decontaminate.settings import DecontaminateSettings
from pipeline_lib.decontaminate.stage import MAKERS as DECONTAMINATE
"""
NIGHT = """
import json
import sys
from pathlib import Path

from pipeline_lib.plan.data import plan_data
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import artifacts, refresh, tiny_settings, write_corpus

root = Path(sys.argv[1])
settings = tiny_settings(root / "workspace", write_corpus(root / "corpus"), **json.loads(sys.argv[2]))
plan = refresh(settings)
made = artifacts(root / "workspace")
print(json.dumps({
    "stages": [stage for stage, _ in plan.stages],
    "funnel": {stage: [sum(made[str(ref)].rows_in for ref in refs), sum(made[str(ref)].rows_out for ref in refs)]
               for stage, refs in plan.sums.items()},
    "made": sorted(f"{manifest.maker} {manifest.fingerprint}" for manifest in made.values()),
    "facts": [dict(m.facts) for m in made.values() if m.maker == "decontaminate.decide"],
    "todo_after": sorted(s.stage for _, steps in plan_data(settings, Workspace(root / "workspace")).stages
                         for s in steps if s.todo),
    "section": type(settings.decontaminate).__name__ if "decontaminate" in AllSettings.model_fields else None,
}))
"""
LAYOUT = """
import json, sys
from pathlib import Path
from pipeline_lib.plan.data import plan_data
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import tiny_settings, write_corpus
root = Path(sys.argv[1])
plan = plan_data(tiny_settings(root / "workspace", write_corpus(root / "corpus")), Workspace(root / "workspace"))
[board] = plan.boards
print(json.dumps({step.stage: [work.fingerprint for work in step.works] for step in board.steps}))
"""
HELP = "from flows.cli import main; main()"


def add_the_stage(copy: Copy) -> None:
    """Its folder, its row, and its word in the import contract."""
    copy.write("pipeline_lib/decontaminate/__init__.py", "")
    copy.add_folder("pipeline_lib/decontaminate", ROOT / "tests" / "assets" / "decontaminate")
    imports, row = "from pipeline_lib.dedup.settings import", '    Stage(\n        word="scrub",'
    copy.change("pipeline_lib/stages.py", {imports: f"{IMPORTS}{imports}", row: f"{ROW}{row}"})
    copy.change("pyproject.toml", {"dedup | scrub | tokenize": "dedup | decontaminate | scrub | tokenize"})


def night_in(copy: Copy, folder: str, **changes: str) -> dict[str, Any]:
    """The data half of a tiny night."""
    said: dict[str, Any] = json.loads(copy.run(NIGHT, folder, json.dumps(changes)).splitlines()[-1])
    return said


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy with one more stage."""
    copy = Copy(tmp_path_factory.mktemp("grown"))
    add_the_stage(copy)
    yield copy
    shutil.rmtree(copy.root)


def test_one_more_stage_is_its_folder_and_one_row(grown: Copy, tmp_path: Path) -> None:
    found = night_in(grown, str(tmp_path), decontaminate__ngram_words="17")
    assert found["stages"] == [
        "ingest", "clean", "dedup", "decontaminate", "scrub", "tokenize", "tokenize", "tokenize",
    ]  # fmt: skip
    assert found["section"] == "DecontaminateSettings"
    assert found["facts"] == [{"ngram_words": 17}]
    assert found["todo_after"] == []  # a second night does nothing, for this stage either
    funnel = found["funnel"]
    assert list(funnel) == ["ingest", "clean", "dedup", "decontaminate", "scrub", "tokenize"]
    assert funnel["decontaminate"] == [funnel["dedup"][1]] * 2 == [funnel["scrub"][0]] * 2  # it keeps everything
    assert 0 < funnel["dedup"][1] < funnel["dedup"][0]


def test_its_place_among_the_rooms_is_a_word_of_the_import_contract(grown: Copy) -> None:
    grown.lint_imports()
    assert grown.touched == {
        "pipeline_lib/decontaminate/__init__.py",
        "pipeline_lib/decontaminate/settings.py", "pipeline_lib/decontaminate/stage.py",
        "pipeline_lib/decontaminate/works.py", "pipeline_lib/stages.py", "pyproject.toml",
    }  # fmt: skip


def test_its_settings_are_those_of_its_section_and_its_command_is_offered(grown: Copy) -> None:
    assert re.search(r"│ decontaminate +Drop documents that hold tests of others\.", grown.run(HELP, "--help"))
    shown = grown.run(HELP, "config", "--explain")
    assert re.search(r"decontaminate\.ngram_words .*13", shown)
    words = "from tasks.stages import TASKS; print(*TASKS)"
    assert grown.run(words).split() == ["ingest", "clean", "dedup", "decontaminate", *WORDS[3:]]


def test_what_lies_before_one_more_stage_keeps_its_name(grown: Copy, tmp_path: Path) -> None:
    """So it can be put into a workspace of years: only what follows from it is made again."""
    with_it = json.loads(grown.run(LAYOUT, str(tmp_path / "with")))
    plain = Copy(tmp_path / "plain")
    without = json.loads(plain.run(LAYOUT, str(tmp_path / "without")))
    shutil.rmtree(plain.root)
    assert {word for word in without if without[word] == with_it[word]} == {"ingest", "clean", "dedup"}
    assert not set(without["scrub"]) & set(with_it["scrub"])
