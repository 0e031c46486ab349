"""A refresh with a model: what it makes, what a moved limit costs, and what other examples cost."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.rules import RULE_BY_NAME
from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.reasons import explain
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.tables import read_table
from pipeline_lib.store.workspace import Workspace
from tests.labelled import WANTED, labelled_text, write_examples
from tests.tiny_night import KEY, artifacts, refresh, tiny_settings, write_lines

NUM = 20  # documents of each side


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


def padded(number: int, *, is_wanted: bool) -> str:
    """A document of some lines."""
    return "\n".join(labelled_text(number * 10 + line, is_wanted=is_wanted) + "." for line in range(3))


def settings_of(root: Path, **model: Any) -> Settings:
    if not (root / "corpus").is_dir():
        for side in ("sea", "ad"):
            texts = {f"{side}-{n}": padded(n + 100, is_wanted=side == "sea") for n in range(NUM)}
            write_lines(root / "corpus" / f"{side}.jsonl", texts)
        write_examples(root / "examples")
    own = {"name": "sea", "keep": str(root / "examples" / "keep.jsonl"), "drop": str(root / "examples" / "drop")}
    models = {"clean__models": json.dumps([{**own, **model}])} if model else {}
    rules = json.dumps(dict.fromkeys(RULE_BY_NAME, "off"))
    changes = {"clean__languages": "none", "clean__rules": rules, "ingest__max_shard_bytes": "4000", **models}
    return tiny_settings(root / "workspace", root / "corpus", **changes)


def made_by(root: Path, settings: Settings) -> list[Manifest]:
    """What a refresh made, newly."""
    before = artifacts(root / "workspace")
    refresh(settings)
    return [made for name, made in artifacts(root / "workspace").items() if name not in before]


def makers(made: list[Manifest]) -> set[str]:
    return {one.maker for one in made if one.maker.startswith("clean.") and one.maker != "clean.list"}


def ledger(root: Path, made: list[Manifest]) -> list[dict[str, Any]]:
    judged = [one for one in made if one.maker == "clean.judge"]
    assert len(judged) > 1, "several shards are meant"
    files = [root / "workspace" / "artifacts" / "clean" / one.fingerprint / "ledger.parquet" for one in judged]
    return [row for file in files for row in read_table(file).to_pylist()]


def test_a_model_drops_what_is_not_like_its_examples_and_the_ledger_has_score_and_limit(tmp_path: Path) -> None:
    made = made_by(tmp_path, settings_of(tmp_path, at_least=0.5))
    (model,) = (one for one in made if one.maker == "clean.model")
    assert model.facts["held_out_auc"] == 1.0 and model.facts["num_keep"] == 40
    rows = ledger(tmp_path, made)
    dropped = [row for row in rows if row["reason"] == "low_sea"]
    assert len(rows) == 2 * NUM and len(dropped) == NUM
    for row in dropped:
        (failed,) = (entry for entry in row["failed"] if entry["rule"] == "models.sea")
        assert 0 <= failed["value"] < failed["limit"] == 0.5


def test_a_limit_that_is_moved_makes_the_judgement_alone(tmp_path: Path) -> None:
    refresh(settings_of(tmp_path, at_least=0.5))
    made = made_by(tmp_path, settings_of(tmp_path, at_most=0.5))
    assert makers(made) == {"clean.judge"}
    assert sum(row["reason"] == "high_sea" for row in ledger(tmp_path, made)) == NUM


def test_other_examples_make_model_scores_and_judgement_anew_and_read_no_signals(tmp_path: Path) -> None:
    refresh(settings_of(tmp_path, at_least=0.5))
    (tmp_path / "examples" / "drop" / "more.txt").write_text(padded(999, is_wanted=False), encoding="utf-8")
    assert makers(made_by(tmp_path, settings_of(tmp_path, at_least=0.5))) == {
        "clean.model",
        "clean.scores",
        "clean.judge",
    }


def test_a_model_without_a_limit_writes_scores_and_drops_nothing(tmp_path: Path) -> None:
    made = made_by(tmp_path, settings_of(tmp_path, label_field="label"))
    assert "clean.scores" in makers(made)
    assert not any("sea" in (row["reason"] or "") for row in ledger(tmp_path, made))


def test_without_a_model_there_are_no_such_works_and_switching_it_off_finds_what_there_was(tmp_path: Path) -> None:
    off = settings_of(tmp_path)
    assert not makers(made_by(tmp_path, off)) & {"clean.model", "clean.scores"}
    refresh(settings_of(tmp_path, at_least=0.5))
    assert makers(made_by(tmp_path, off)) == set()


def test_a_language_that_is_not_named_is_not_judged(tmp_path: Path) -> None:
    made = made_by(tmp_path, settings_of(tmp_path, at_least=1, languages=["fr"]))
    assert not any(row["reason"] == "low_sea" for row in ledger(tmp_path, made))


def test_no_text_of_an_example_stands_in_a_manifest(tmp_path: Path) -> None:
    for made in made_by(tmp_path, settings_of(tmp_path, at_least=0.5)):
        said = repr(made)
        assert not any(word in said for word in WANTED) and str(tmp_path / "examples") not in said


def test_examples_that_are_gone_stop_the_plan_with_what_to_do(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, at_least=0.5)
    (tmp_path / "examples" / "keep.jsonl").unlink()
    with pytest.raises(SettingsError, match=r"clean.models 'sea': there is nothing at .*Correct the path"):
        refresh(settings)
    write_examples(tmp_path / "again")
    (tmp_path / "again" / "keep.jsonl").rename(tmp_path / "examples" / "keep.jsonl")
    refresh(settings)


def test_a_plan_says_that_the_examples_are_others(tmp_path: Path) -> None:
    refresh(settings_of(tmp_path, at_least=0.5))
    (tmp_path / "examples" / "drop" / "more.txt").write_text("one more", encoding="utf-8")
    workspace = Workspace(tmp_path / "workspace")
    plan = plan_data(settings_of(tmp_path, at_least=0.5), workspace)
    ((_, lines),) = explain(plan.steps("clean"), plan.graph, workspace)
    reasons = {line.name: line.reason for line in lines if line.action == "work"}
    assert reasons["model sea"].startswith("examples 40 keep, 40 drop, ")
    assert " -> 40 keep, 41 drop, " in reasons["model sea"]
    assert reasons["shard 0: scores"] == f"clean.model: {reasons['model sea']}" == reasons["shard 1: judgement"]
