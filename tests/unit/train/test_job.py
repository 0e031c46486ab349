"""What the two processes say to each other survives a kill in the middle of a line."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_lib.train.job import TrainInputs, read_job, read_metrics, write_job
from pipeline_lib.train.settings import TrainSettings


def test_a_job_is_read_as_it_was_written(tmp_path: Path, settings: TrainSettings, inputs: TrainInputs) -> None:
    inputs = replace(inputs, tokens=(replace(inputs.tokens[0], excluded=("a", "b")), *inputs.tokens[1:]))
    write_job(tmp_path, settings, inputs)
    assert read_job(tmp_path) == (settings, inputs)


def test_paths_are_absolute_since_the_child_works_elsewhere(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tokens = (replace(inputs.tokens[0], path=Path("new.arrow")), replace(inputs.tokens[1], path=None))
    write_job(tmp_path, settings, replace(inputs, tokens=tokens, trunk=Path("trunk")))
    read = read_job(tmp_path)[1]
    assert [one.path for one in read.tokens] == [tmp_path / "new.arrow", None]
    assert read.trunk == tmp_path / "trunk"


def test_a_half_row_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st')
    rows, offset = read_metrics(path)
    assert (rows, offset) == ([{"step": 1}], 12)
    path.write_text('{"step": 1}\n{"step": 2}\n')
    assert read_metrics(path, offset=offset) == ([{"step": 2}], 24)


def test_a_row_that_a_kill_cut_off_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 2}\n')
    assert read_metrics(path)[0] == [{"step": 1}, {"step": 2}]


def test_no_file_is_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == ([], 0)
