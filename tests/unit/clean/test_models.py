"""Learning: it separates what is planted, agrees with scikit-learn, and gives the same bytes whatever the threads."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.examples import Examples
from pipeline_lib.clean.model_kinds.classifier import MODEL
from pipeline_lib.clean.models import learn_model, roc_auc, scores_of, weights_of
from pipeline_lib.clean.settings import CleanSettings
from tests.given import given
from tests.labelled import labelled_text, write_examples

ROOT = Path(__file__).parents[3]
KEEP = tuple(labelled_text(number, is_wanted=True) for number in range(60))
DROP = tuple(labelled_text(number, is_wanted=False) for number in range(30))
SIDES = np.arange(len(KEEP) + len(DROP)) < len(KEEP)


def test_planted_examples_are_told_apart_on_texts_that_were_not_learned() -> None:
    learned = learn_model(Examples(KEEP, DROP, 0, 0))
    new = [labelled_text(number, is_wanted=number % 2 == 0) for number in range(1_000, 1_050)]
    scores = scores_of(pa.array(new, pa.large_string()), {"sea": learned.weights})["sea"]
    assert ((scores > 0.5) == (np.arange(50) % 2 == 0)).all()
    assert learned.facts["held_out_auc"] == 1.0 and learned.facts["held_out_accuracy"] == 1.0
    assert (learned.facts["num_keep"], learned.facts["num_drop"]) == (60, 30)
    assert 0 < learned.facts["num_held_out"] < 90


def test_where_labels_say_nothing_it_says_so() -> None:
    texts = [labelled_text(number, is_wanted=True) for number in range(400)]
    facts = learn_model(Examples(tuple(texts[::2]), tuple(texts[1::2]), 0, 0)).facts
    assert 0.25 < facts["held_out_auc"] < 0.75


def test_a_side_that_is_not_held_out_leaves_the_figures_open() -> None:
    facts = learn_model(Examples(KEEP[:3], DROP[:3], 0, 0)).facts
    assert facts["held_out_auc"] is None or facts["num_held_out"] >= 2


def test_both_sides_weigh_the_same() -> None:
    """A text of common words alone is like neither, however many examples each side has."""
    weights = weights_of([*KEEP, *DROP], SIDES)
    empty = scores_of(pa.array([""], pa.large_string()), {"sea": weights})["sea"]
    assert empty[0] == pytest.approx(0.5, abs=0.1)


def test_the_weights_are_those_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    from tests.unit.clean.test_features import slots

    texts = [*KEEP, *DROP]
    counted = [slots(text) for text in texts]
    names = sorted(set().union(*counted))
    rows = np.array([[one[name] for name in names] for one in counted], np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    theirs = linear.LogisticRegression(C=10, class_weight="balanced", tol=1e-8, max_iter=10_000).fit(rows, SIDES)
    ours = weights_of(texts, SIDES)
    assert np.abs(ours[names] - theirs.coef_[0]).max() < 2e-2 * np.abs(theirs.coef_).max()
    assert ours[-1] == pytest.approx(theirs.intercept_[0], abs=0.02)


def test_learning_twice_and_with_other_threads_gives_the_same_bytes() -> None:
    code = """
import hashlib, sys
from tests.unit.clean.test_models import DROP, KEEP, SIDES, weights_of
print(hashlib.sha256(weights_of([*KEEP, *DROP], SIDES).tobytes()).hexdigest())
"""
    here = hashlib.sha256(weights_of([*KEEP, *DROP], SIDES).tobytes()).hexdigest()
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(names, "2")}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == here, ran.stderr


def test_the_area_under_the_curve_by_hand() -> None:
    sides = np.array([True, True, False, False])
    assert roc_auc([0.9, 0.4, 0.5, 0.1], sides) == 0.75
    assert roc_auc([0.5, 0.5, 0.5, 0.5], sides) == 0.5


def test_examples_that_are_not_those_of_the_plan_are_not_learned(tmp_path: Path) -> None:
    settings = CleanSettings(models=(write_examples(tmp_path, num=12),))  # type: ignore[arg-type]
    planned = {"model": "sea", "examples": settings.outside()["sea"]}
    assert MODEL.make(settings, given(params=planned), tmp_path).rows_out == 24
    (tmp_path / "drop" / "late.txt").write_text("late", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"'sea': its examples changed while this night ran. Run the same"):
        MODEL.make(settings, given(params=planned), tmp_path)
    again = {"model": "sea", "examples": settings.outside()["sea"]}
    assert MODEL.make(settings, given(params=again), tmp_path).rows_out == 25
