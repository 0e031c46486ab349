"""quantize twice, from two places: the files must not know when, where or how often."""

from pathlib import Path

import pytest

from pipeline_lib.quantize.schemes import SCHEMES, kind_of
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import VARIANT
from tests.given import given
from tests.tiny_model import write_documents, write_model


@pytest.mark.parametrize("kind", map(kind_of, SCHEMES))
def test_two_runs_in_two_folders_write_the_same_bytes(kind: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "another" / "place"]
    for folder in folders:
        (folder / "made").mkdir(parents=True)
        write_model(folder / "train" / "model")
        (folder / "benchmark").mkdir()
        write_documents(folder / "benchmark" / "documents.parquet")
        inputs = given(model=folder / "train", benchmark=folder / "benchmark", params={"scheme": {"kind": kind}})
        VARIANT.make(QuantizeSettings().only(VARIANT.reads), inputs, folder / "made")
    files = [path for path in sorted((folders[0] / "made").rglob("*")) if path.is_file()]
    names = [path.relative_to(folders[0] / "made") for path in files]
    assert Path("variant.json") in names
    one, another = ([(folder / "made" / name).read_bytes() for name in names] for folder in folders)
    assert one == another
