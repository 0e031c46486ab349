"""The gate as a maker: from scores on the disk to a report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline_lib.model.measured import Measured, slices_of, write_per_document
from pipeline_lib.model.records import Scores, write_record
from pipeline_lib.register.settings import GateSettings, RegisterSettings
from pipeline_lib.register.stage import GATE, VERSION
from pipeline_lib.store.files import write_json
from tests.given import given

NUM_DOCUMENTS = 24


@pytest.fixture
def training(tmp_path: Path) -> Path:
    (tmp_path / "train").mkdir()
    figures = {"start_bits_per_byte": 8.0, "end_bits_per_byte": 3.0, "curve": [1, 2]}
    write_json(tmp_path / "train" / "training.json", figures)
    return tmp_path / "train"


def scored(folder: Path, candidate: str, bits_per_byte: float, *, version: int | None = None) -> Path:
    """What evaluate writes of a candidate."""
    folder.mkdir(parents=True)
    num_bytes = np.full(NUM_DOCUMENTS, 100, np.int64)
    bits = bits_per_byte * num_bytes * np.linspace(0.9, 1.1, NUM_DOCUMENTS)
    sources, languages = ("docs",) * NUM_DOCUMENTS, ("en", "zh") * (NUM_DOCUMENTS // 2)
    scores = Scores(
        candidate=candidate,
        version=version,
        benchmark="frozen",
        generation=1,
        num_documents=NUM_DOCUMENTS,
        bits_per_byte=bits_per_byte,
        unigram_bits_per_byte=4.0,
        slices=slices_of(sources, languages, num_bytes, bits),
    )
    ids = tuple(f"{i:032x}" for i in range(NUM_DOCUMENTS))
    write_record(scores, folder / "scores.json")
    cell = Measured(scores, ids, sources, languages, np.arange(NUM_DOCUMENTS), num_bytes, bits)
    write_per_document(cell, folder / "per_document.parquet")
    return folder


def gate(folder: Path, *, schemes: list[str], **inputs: Any) -> dict[str, Any]:
    (folder / "gate").mkdir()
    settings = RegisterSettings().only(GATE.reads)
    outcome = GATE.make(settings, given(params={"schemes": schemes}, **inputs), folder / "gate")
    report: dict[str, Any] = json.loads((folder / "gate" / "gate.json").read_text())
    assert {name: report[name] for name in outcome.facts} == outcome.facts
    assert report["reason"] in (folder / "gate" / "gate.md").read_text()
    return report


def test_a_first_model_is_judged_without_a_champion(training: Path, tmp_path: Path) -> None:
    scores = [scored(tmp_path / "1", "challenger", 2.0), scored(tmp_path / "2", "small.v1", 2.01)]
    report = gate(tmp_path, schemes=["small.v1"], model=training, scores=scores)
    assert (report["is_passed"], report["champion_version"], report["benchmark"]) == (True, None, "frozen-1")
    names = [check["name"] for check in report["checks"]]
    assert names[:3] == ["enough_documents", "beats_unigram", "beats_start"]
    assert [row["documents"] for row in report["table"][:4]] == ["all", "source docs", "language en", "language zh"]


def test_a_challenger_is_judged_against_the_version_that_was_measured(training: Path, tmp_path: Path) -> None:
    scores = [scored(tmp_path / "1", "challenger", 2.0)]
    champion = [scored(tmp_path / "2", "champion", 1.9, version=7)]
    report = gate(tmp_path, schemes=[], model=training, scores=scores, champion=champion)
    assert (report["is_passed"], report["champion_version"]) == (False, 7)
    assert report["reason"].startswith("refused: 5.26% more bits per byte than the champion")


def test_a_scheme_without_scores_is_refused(training: Path, tmp_path: Path) -> None:
    report = gate(tmp_path, schemes=["small.v1"], model=training, scores=[scored(tmp_path / "1", "challenger", 2.0)])
    assert report["reason"] == "refused: scores_of_small.v1 (missing, must be == 1)"


def test_a_training_that_says_nothing_of_its_start_is_refused(training: Path, tmp_path: Path) -> None:
    write_json(training / "training.json", {"end_bits_per_byte": "low"})
    report = gate(tmp_path, schemes=[], model=training, scores=[scored(tmp_path / "1", "challenger", 2.0)])
    assert report["reason"].startswith("refused: beats_start (missing")


def test_where_a_model_is_kept_and_how_it_is_judged_are_two_works() -> None:
    """Another limit of the gate registers nothing again; another registry judges nothing again."""
    one = RegisterSettings()
    judged = RegisterSettings(gate=GateSettings(max_variant_loss_share=0.5))
    elsewhere = RegisterSettings(tracking_uri="http://mlflow:5000")
    assert one.decisive(VERSION.reads) == judged.decisive(VERSION.reads) != elsewhere.decisive(VERSION.reads)
    assert one.decisive(GATE.reads) == elsewhere.decisive(GATE.reads) != judged.decisive(GATE.reads)
