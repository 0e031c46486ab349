"""Which documents are scored."""

from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.evaluate.sample import take_sample
from pipeline_lib.evaluate.settings import EvaluateSettings
from tests.tiny_model import write_documents


def test_the_smallest_ids_are_taken_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "heldout.parquet", ("零", "", "two", "three"))
    sample = take_sample([path], EvaluateSettings(max_documents=2))
    assert sample.texts == ("零", "two")
    assert sample.rows_in == 4
    assert sample.dropped == {"empty_text": 1, "over_max_documents": 1}


def test_the_order_of_the_files_does_not_change_the_sample(tmp_path: Path) -> None:
    one = write_documents(tmp_path / "1.parquet", ("zero",))
    two = write_documents(tmp_path / "2.parquet", ("", "one", "two"))
    assert take_sample([one, two], EvaluateSettings()) == take_sample([two, one], EvaluateSettings())


def test_a_long_document_is_cut_at_its_characters(tmp_path: Path) -> None:
    path = write_documents(tmp_path / "heldout.parquet", ("好" * 500,))
    assert take_sample([path], EvaluateSettings(max_document_characters=100)).texts == ("好" * 100,)


@pytest.mark.parametrize("texts", [(), ("", "")])
def test_no_text_is_an_error_that_says_what_to_do(tmp_path: Path, texts: tuple[str, ...]) -> None:
    path = write_documents(tmp_path / "heldout.parquet", texts)
    with pytest.raises(DataError, match=r"raise tokenize\.heldout_share"):
        take_sample([path], EvaluateSettings())
