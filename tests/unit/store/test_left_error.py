"""What a process leaves where it ends with an error of ours, and who started it reads."""

from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError, UpstreamError
from pipeline_lib.store.files import write_json
from pipeline_lib.store.left_error import forget_error, leave_with, left_error


def test_an_error_comes_out_as_it_went_in_until_it_is_forgotten(tmp_path: Path) -> None:
    assert left_error(tmp_path) is None
    with pytest.raises(SystemExit) as ended:
        leave_with(tmp_path, DataError("train: too short. Give it more."))
    assert ended.value.code == 1
    found = left_error(tmp_path)
    assert type(found) is DataError and str(found) == "train: too short. Give it more."
    forget_error(tmp_path)
    forget_error(tmp_path)
    assert left_error(tmp_path) is None


def test_a_kind_that_this_release_does_not_know_is_still_told(tmp_path: Path) -> None:
    write_json(tmp_path / "error.json", {"kind": "OfAnotherRelease", "message": "what it said"})
    found = left_error(tmp_path)
    assert type(found) is UpstreamError and str(found) == "what it said"
