"""Another scheme of quantization, while the model stands: its variant is measured, registered and put into service."""

from pathlib import Path

from pipeline_lib.register.opened import opened
from pipeline_lib.register.registry import CHAMPION, version_by_alias
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.store.files import sha256_of
from tests.model_nights import WholeNight, whole_night
from tests.tiny_night import House, tiny_settings, write_corpus

OTHER = '[{"kind": "onnx_int8_dynamic.v1", "per_channel": false}]'


def graph_in_service(night: WholeNight) -> tuple[int, dict[str, str]]:
    """The champion, and the digests of its variants."""
    registry = registry_of(night.settings.of(RegisterSettings), night.settings.workspace)
    champion = version_by_alias(registry, CHAMPION)
    assert champion is not None
    with opened(registry, champion.number) as package:
        graphs = (package.folder / "variants").glob("*/model.onnx")
        return champion.number, {path.parent.name: sha256_of(path) for path in graphs}


def test_a_scheme_that_is_changed_or_taken_out_is_that_of_the_model_in_service(tmp_path: Path) -> None:
    house = House(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))
    first = whole_night(tiny_settings(house.workspace, house.corpus))
    version, graphs = graph_in_service(first)
    assert version == 1
    second = whole_night(tiny_settings(house.workspace, house.corpus, quantize__schemes=OTHER))
    assert second.training is None
    (variant,) = second.makers("quantize.variant")
    made = sha256_of(house.workspace / "artifacts" / "quantize" / variant.fingerprint / "model" / "model.onnx")
    version, others = graph_in_service(second)
    assert (version, others) == (2, {"onnx_int8_dynamic.v1": made})
    assert graphs != others
    third = whole_night(tiny_settings(house.workspace, house.corpus, quantize__schemes="none"))
    assert graph_in_service(third) == (3, {})
