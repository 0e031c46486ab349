"""docs/models.md: its examples are settings that work, and do what the page says."""

import json
import re
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline_lib.clean.judge import judge
from pipeline_lib.clean.model_stage import learned_scores
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signals import signals_of
from pipeline_lib.clean.terms import count_terms
from tests.labelled import UNWANTED, labelled_text, write_examples

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
EXAMPLE, WITHOUT_LABELS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def write_the_examples(folder: Path) -> None:
    """Below it what the page's example names; toxic is what sells."""
    write_examples(folder / "made")
    examples = folder / "examples"
    (examples / "good").mkdir(parents=True)
    (folder / "made" / "keep.jsonl").rename(examples / "good" / "a.jsonl")
    rows = [
        {"text": labelled_text(n, is_wanted=side), "is_toxic": not side} for n in range(30) for side in (True, False)
    ]
    (examples / "rated.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (examples / "bad.jsonl").write_text("\n".join(json.dumps(row) for row in rows if row["is_toxic"]), encoding="utf-8")


def test_the_example_of_the_page_judges_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_the_examples(tmp_path)
    rules = dict.fromkeys(CleanSettings().rules, "off")
    settings = CleanSettings(**tomllib.loads(EXAMPLE)["clean"], rules=rules, languages=None)
    texts = pa.array([labelled_text(99, is_wanted=True), labelled_text(99, is_wanted=False)], pa.large_string())
    signals, scores = signals_of(texts), learned_scores(settings.models, texts)
    assert scores is not None and scores.column_names == ["models.quality", "models.toxicity"]
    extraction = pa.table({"has_text": [True, True], "num_tags": pa.nulls(2, pa.int64())})
    terms = count_terms(settings, texts, signals["language"].combine_chunks())
    good, bad = judge(settings, pa.array(["a", "b"]), extraction, signals, terms, scores).to_pylist()
    assert good["is_kept"] and bad["reason"] == "low_quality"
    assert bad["failed"][0]["rule"] == "models.quality" and bad["failed"][0]["limit"] == 0.4
    assert f"`{bad['failed'][0]['rule']}`" in PAGE and f"`{bad['reason']}`" in PAGE
    assert scores["models.toxicity"][1].as_py() > 0.9 > scores["models.toxicity"][0].as_py()


def test_the_example_without_labels_judges_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, lines in (
        ("texts/good.txt", [labelled_text(number, is_wanted=number % 2 == 0) for number in range(160)]),
        ("lists/adult.txt", UNWANTED),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    rules = dict.fromkeys(CleanSettings().rules, "off")
    settings = CleanSettings(**tomllib.loads(WITHOUT_LABELS)["clean"], rules=rules, languages=None)
    noise = "xqzvkw jjqpzx " * 30
    texts = pa.array([labelled_text(99, is_wanted=True), labelled_text(99, is_wanted=False), noise], pa.large_string())
    signals, scores = signals_of(texts), learned_scores(settings.models, texts)
    assert scores is not None and scores.column_names == ["models.fluency", "models.adult"]
    signals = signals.set_column(signals.column_names.index("language"), "language", pa.array(["en"] * 3))
    extraction = pa.table({"has_text": [True] * 3, "num_tags": pa.nulls(3, pa.int64())})
    terms = count_terms(settings, texts, signals["language"].combine_chunks())
    found = judge(settings, pa.array(["a", "b", "c"]), extraction, signals, terms, scores).to_pylist()
    assert [row["reason"] for row in found] == [None, "high_adult", "high_fluency"]
    assert f"`{found[2]['failed'][0]['rule']}`" in PAGE and "`high_fluency`" in PAGE
