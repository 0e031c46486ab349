"""A refresh with an n-gram model and a list of words: whom they drop, what a moved limit and another list cost."""

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
from pipeline_lib.store.workspace import Workspace
from tests.labelled import UNWANTED, WANTED, write_reference, write_word_list
from tests.tiny_night import KEY, refresh, tiny_settings, write_lines
from tests.unit.plan.test_models import NUM, ledger, made_by, makers, padded

LIMIT = 3.0  # bits per byte: what tells of the sea has fewer, what sells has more


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


def settings_of(root: Path, *models: dict[str, Any]) -> Settings:
    if not (root / "corpus").is_dir():
        for side in ("sea", "ad"):
            texts = {f"{side}-{n}": padded(n + 100, is_wanted=side == "sea") for n in range(NUM)}
            write_lines(root / "corpus" / f"{side}.jsonl", texts)
    rules = json.dumps(dict.fromkeys(RULE_BY_NAME, "off"))
    changes = {"clean__languages": "none", "clean__rules": rules, "ingest__max_shard_bytes": "4000"}
    return tiny_settings(root / "workspace", root / "corpus", **changes, clean__models=json.dumps(models))


def reasons_in(root: Path, made: list[Manifest]) -> dict[str | None, int]:
    found = [row["reason"] for row in ledger(root, made)]
    return {reason: found.count(reason) for reason in set(found)}


def test_both_limits_of_bits_drop_and_one_that_is_moved_makes_the_judgement_alone(tmp_path: Path) -> None:
    made = made_by(tmp_path, settings_of(tmp_path, write_reference(tmp_path, at_most=LIMIT)))
    assert reasons_in(tmp_path, made) == {None: NUM, "high_fluency": NUM}
    (failed,) = {entry["rule"] for row in ledger(tmp_path, made) for entry in row["failed"]}
    assert failed == "models.fluency.at_most"
    (model,) = (one for one in made if one.maker == "clean.perplexity")
    assert model.facts["scripts"] == ["other"] and 0 < model.facts["held_out_bits_per_byte_p50"] < LIMIT
    made = made_by(tmp_path, settings_of(tmp_path, write_reference(tmp_path, at_least=LIMIT, at_most=60)))
    assert makers(made) == {"clean.judge"}
    assert reasons_in(tmp_path, made) == {None: NUM, "low_fluency": NUM}


def test_a_list_drops_by_its_share_and_another_one_has_only_its_own_scores_made_anew(tmp_path: Path) -> None:
    beside = write_reference(tmp_path)
    made = made_by(tmp_path, settings_of(tmp_path, beside, write_word_list(tmp_path, at_most=0.05)))
    assert reasons_in(tmp_path, made) == {None: NUM, "high_selling": NUM}
    for row in ledger(tmp_path, made):
        assert all(entry["value"] > entry["limit"] == 0.05 for entry in row["failed"])
    for one in made:
        assert not any(word in repr(one) for word in (*UNWANTED, *WANTED)) and str(tmp_path) not in repr(one)
    settings = settings_of(tmp_path, beside, write_word_list(tmp_path, "harbour", "sailor", at_most=0.001))
    workspace = Workspace(tmp_path / "workspace")
    plan = plan_data(settings, workspace)
    ((_, lines),) = explain(plan.steps("clean"), plan.graph, workspace)
    reasons = {line.name: line.reason for line in lines if line.action == "work"}
    assert reasons["model selling"].startswith(f"terms {len(UNWANTED)} terms, ")
    assert f" -> {len(UNWANTED) + 2} terms, " in reasons["model selling"]
    made = made_by(tmp_path, settings)
    assert makers(made) == {"clean.word_list", "clean.word_list_scores", "clean.judge"}
    assert reasons_in(tmp_path, made) == {"high_selling": 2 * NUM}


def test_a_list_that_is_gone_and_a_reference_that_is_too_little_stop_the_plan_or_the_night(tmp_path: Path) -> None:
    model = write_word_list(tmp_path)
    (tmp_path / "selling.txt").unlink()
    with pytest.raises(SettingsError, match=r"clean.models 'selling': there is nothing at .*Correct the path"):
        refresh(settings_of(tmp_path, model))
    with pytest.raises(SettingsError, match=r"clean.models 'fluency': the reference has [\d,]+ characters, too few"):
        refresh(settings_of(tmp_path, write_reference(tmp_path, num=3)))
