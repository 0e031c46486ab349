"""What leads out of its package is not put into service by its name, either, in a real MLflow store."""

from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.tracking import connect
from pipeline_lib.register.promotion import promote
from pipeline_lib.register.registry import Registry
from tests.integration.register.conftest import NOW
from tests.registered import standing

LOADER = "flavors: {python_function: {loader_module: evil, code: /tmp/evil}}"
ELSEWHERE = '{"weight_map": {"w": "/tmp/evil.safetensors"}}'


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("MLmodel", LOADER, r"MLmodel: the entry 'flavors\.python_function\.loader_module'"),
        ("model/model.safetensors.index.json", ELSEWHERE, "weight_map names '/tmp/evil.safetensors'"),
        ("requirements.txt", "https://evil.example/torch.whl", r"requirements\.txt: line 1 is not name==version"),
        ("model/model.onnx", "", r"model/model\.onnx: this is no ONNX"),
        ("README.md", "a card", ""),
    ],
)
def test_a_version_that_leads_elsewhere_stays_out_though_it_is_named(
    registry: Registry, tmp_path: Path, name: str, text: str, why: str
) -> None:
    folder = tmp_path / "forged"
    for file, held in (("model/config.json", "{}"), (name, text)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(held)
    number = int(connect(registry.place).create_model_version(registry.name, folder.as_uri()).version)
    if why:
        with pytest.raises(DataError, match=why):
            promote(registry, number, expected_champion="anybody", reason="", now=NOW, unsigned=number)
        assert standing(registry)["champion"] == 3
    else:
        promote(registry, number, expected_champion="anybody", reason="", now=NOW, unsigned=number)
    connect(registry.place).delete_model_version(registry.name, str(number))
