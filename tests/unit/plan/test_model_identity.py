"""Models: what they learn from, and their limits, and what these rename."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.plan.closed import recipe_of
from pipeline_lib.store.artifact import Ref
from tests.fixed_night import Fixed, switched_on, with_model
from tests.labelled import write_examples, write_reference, write_word_list
from tests.laid_out import LaidOut, lay_out, night_settings

pytestmark = pytest.mark.usefixtures("key_is_set")

TOKENIZER = Ref("tokenize", "0" * 32)


@pytest.mark.parametrize("limit", [{"at_least": 0.4}, {"at_most": 0.9}, {"at_least": 0.5, "languages": ["en"]}])
def test_a_limit_of_a_model_that_is_moved_renames_the_judgement_alone(fixed: Fixed, limit: dict[str, Any]) -> None:
    before = with_model(fixed.root, at_least=0.5)
    assert before.changed(with_model(fixed.root, **limit)) == before.following(before.of_makers({"clean.judge"}))


def test_other_examples_rename_the_model_and_what_follows_and_another_place_nothing(tmp_path: Path) -> None:
    before, recipe = with_model(tmp_path), recipe_of(night_settings(tmp_path, **switched_on(tmp_path)), "k", TOKENIZER)
    (tmp_path / "examples").rename(tmp_path / "elsewhere")
    write_examples(tmp_path / "examples", num=12)
    assert before.changed(with_model(tmp_path)) == set()
    (tmp_path / "examples" / "drop" / "more.txt").write_text("one more", encoding="utf-8")
    after = with_model(tmp_path)
    assert before.changed(after) == before.following(before.of_makers({"clean.model"}))
    assert before.of_makers({"clean.model", "clean.scores", "clean.judge"}) <= before.changed(after)
    assert not before.of_makers({"clean.text", "clean.signals", "clean.terms"}) & before.changed(after)
    assert recipe_of(night_settings(tmp_path, **switched_on(tmp_path)), "k", TOKENIZER) != recipe


def test_a_kind_of_model_that_is_added_or_changed_has_nothing_of_the_others_made_again(tmp_path: Path) -> None:
    all_kinds = with_model(tmp_path)
    own, beside = json.loads(switched_on(tmp_path)["clean__models"]), switched_on(tmp_path)
    settings = [night_settings(tmp_path, **{**beside, "clean__models": json.dumps([one])}) for one in own]
    alone = [lay_out(one, tmp_path / "workspace") for one in settings]
    for night in alone:
        judged = night.following(night.of_makers({"clean.judge"}))
        same = {name for place, name in night.names.items() if place not in judged}
        assert night.of_makers({"clean.text"}) and same <= set(all_kinds.names.values())
    write_word_list(tmp_path / "lists", "one more")
    after = lay_out(night_settings(tmp_path, **beside), tmp_path / "workspace")
    assert all_kinds.changed(after) == all_kinds.following(all_kinds.of_makers({"clean.word_list"}))
    assert all_kinds.of_makers({"clean.word_list", "clean.word_list_scores", "clean.judge"}) <= all_kinds.changed(after)
    assert not all_kinds.of_makers({"clean.scores", "clean.perplexity", "clean.perplexity_scores"}) & all_kinds.changed(
        after
    )


@pytest.mark.parametrize("limit", [{"at_least": 1.0}, {"at_most": 5.0}, {"at_most": 4.0, "languages": ["en"]}])
def test_a_limit_of_bits_or_words_that_is_moved_renames_the_judgement_alone(
    tmp_path: Path, limit: dict[str, Any]
) -> None:
    def laid_out(**limits: Any) -> LaidOut:
        models = [write_reference(tmp_path, **limits), write_word_list(tmp_path, at_most=limits.get("at_least", 0.5))]
        return lay_out(night_settings(tmp_path, clean__models=json.dumps(models)), tmp_path / "workspace")

    before = laid_out(at_most=4.0)
    assert before.changed(laid_out(**limit)) == before.following(before.of_makers({"clean.judge"}))
