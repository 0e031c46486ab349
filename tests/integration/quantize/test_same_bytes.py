"""quantize twice, from two places: the files must not know when, where or how often."""

from pathlib import Path

from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import run
from tests.tiny_model import write_documents, write_model


def test_two_runs_in_two_folders_write_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "another" / "place"]
    for folder in folders:
        (folder / "made").mkdir(parents=True)
        model, heldout = write_model(folder / "model"), write_documents(folder / "heldout.parquet")
        run(QuantizeSettings(), model, [heldout], folder / "made")
    names = sorted(path.name for path in (folders[0] / "made").iterdir())
    assert names == [
        "config.json",
        "model.int8.onnx",
        "model.onnx",
        "quantization.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    one, another = ([(folder / "made" / name).read_bytes() for name in names] for folder in folders)
    assert one == another
