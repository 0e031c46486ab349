"""`nightshift ablate`: what it says of a trial, and before one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from flows.cli import main
from flows.show.ablate import show_forecast, show_result
from pipeline_lib.ablate.names import Named, named, names_of
from pipeline_lib.stages import resolve

Captured = pytest.CaptureFixture[str]
SETTINGS = resolve(None, {}, ()).settings
TEXTS = {
    "with": {"num_documents": 900, "num_tokens": 80_000},
    "without": {"num_documents": 1_000, "num_tokens": 90_000},
    "control": {"num_documents": 900, "num_tokens": 81_000},
}


def step(name: str = "min_words.v1") -> Named:
    return named(SETTINGS, name)


def effect(against: str, share: float) -> dict[str, Any]:
    return {
        "against": against, "share": share, "low": share - 0.01, "high": share + 0.01, "detectable": 0.015,
        "by_seed": [share - 0.001, share + 0.001], "num_documents": 400, "num_blocks": 40,
    }  # fmt: skip


def told(verdict: str, share: float, seeds: tuple[int, ...] = (1, 2)) -> dict[str, Any]:
    bits = {"with": [2.0, 2.2], "without": [2.2, 2.4], "control": [2.3, 2.3]}
    worth = {
        "bits_per_byte": bits, "effects": [effect("without", share), effect("control", share)],
        "chance": effect("without", 0.002), "verdict": verdict,
    }  # fmt: skip
    return {"texts": TEXTS, "num_steps": 120, "seeds": seeds, "worth": worth}


def shown(capsys: Captured, said: Mapping[str, Any]) -> str:
    show_result(step(), ["batches taken: the newest 2 of 9"], said, as_json=False)
    return capsys.readouterr().out


def test_a_result_has_each_text_each_difference_and_a_sentence(capsys: Captured) -> None:
    page = shown(capsys, told("helps", -0.05))
    lines = [line.split() for line in page.splitlines()]
    assert ["with", "900", "80,000", "2.1000"] in lines and ["control", "900", "81,000", "2.3000"] in lines
    assert "the text without it     -5.00%      -6.00% to -4.00%  -5.10%, -4.90%" in page
    assert "400 documents in 40 blocks" in page and "2 seeds show: 1.50%" in page
    assert "at random, do this by themselves: -0.80% to +1.20%" in page
    assert page.rstrip().endswith(
        "min_words.v1 helps: better than the text without it, and than as many documents at random"
    )


@pytest.mark.parametrize(
    ("verdict", "said"), [("harms", "harms: worse than the text"), ("cannot be told", "more seeds")]
)
def test_the_sentence_says_what_was_found(verdict: str, said: str, capsys: Captured) -> None:
    assert said in shown(capsys, told(verdict, 0.0)).splitlines()[-1]


def test_one_seed_is_said_to_know_nothing_of_others(capsys: Captured) -> None:
    assert "one seed: the interval knows nothing of chance" in shown(capsys, told("helps", -0.05, (1,)))
    assert "one seed:" not in shown(capsys, told("helps", -0.05))


def test_before_a_trial_it_is_said_what_would_be_made_and_where_nothing_tells_how_long(capsys: Captured) -> None:
    said = {
        "works": {"clean.judge": 4, "dedup.decide": 1}, "num_trainings": 9, "num_tokens": 245_760,
        "data_seconds": 3.21, "training_seconds": None,
    }  # fmt: skip
    show_forecast(step(), [], said, as_json=False)
    page = capsys.readouterr().out
    assert "min_words.v1: documents go: too few words (now on)" in page
    assert "works of the data half" in page and "3.2 s" in page and "no night tells" in page
    assert "trainings on 245,760 tokens each" in page and "clean.judge 4" in page
    show_forecast(step(), ["a note"], said, as_json=True)
    data = json.loads(capsys.readouterr().out)
    assert data["is_dry_run"] and data["step"] == "min_words.v1" and data["notes"] == ["a note"]


def test_the_help_names_each_step_that_can_be_tried(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        main(["ablate", "--help"])
    page = "".join(capsys.readouterr().out.split())
    assert [name for name in names_of(SETTINGS) if name not in page] == []
