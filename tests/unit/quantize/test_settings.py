"""Which schemes can be asked for, and what they enter."""

import json
import re
from pathlib import Path
from typing import ClassVar, Literal

import jsonschema
import pytest
from pydantic import ValidationError

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.model.backends import BACKENDS
from pipeline_lib.quantize import schemes
from pipeline_lib.quantize.scheme import Job, Made, Scheme
from pipeline_lib.quantize.schemes import SCHEMES, kind_of, scheme_of
from pipeline_lib.quantize.schemes.onnx_dynamic import OnnxDynamic
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import VARIANT
from pipeline_lib.stages import resolve

INT8 = "onnx_int8_dynamic.v1"
NAMED = re.compile(r"(?<!\bnp\.)(?<![a-z])int8", re.IGNORECASE)  # not the data types of numpy, nor uint8


class Copied(Scheme):
    """Another scheme: changes nothing."""

    backend: ClassVar[str] = "torch"
    kind: Literal["copied.v1"] = "copied.v1"
    group_size: int = 32

    def make(self, job: Job, folder: Path) -> Made:
        """See `Scheme`."""
        return Made(0.0)


def test_the_default_is_one_scheme() -> None:
    assert [scheme.kind for scheme in QuantizeSettings().schemes] == [INT8]


@pytest.mark.parametrize(
    "given", [[INT8], [{"kind": INT8}], [{"kind": INT8, "per_channel": True}], (OnnxDynamic(per_channel=True),)]
)
def test_a_scheme_is_asked_for_by_name_or_with_its_options(given: object) -> None:
    assert QuantizeSettings.model_validate({"schemes": given}) == QuantizeSettings()


@pytest.mark.parametrize("given", [[], "none"])
def test_no_scheme_at_all_can_be_asked_for(given: object) -> None:
    assert QuantizeSettings.model_validate({"schemes": given}).schemes == ()


@pytest.mark.parametrize(
    ("text", "per_channel"),
    [(INT8, [True]), (f'["{INT8}"]', [True]), (f'[{{"kind": "{INT8}", "per_channel": false}}]', [False]), ("none", [])],
)
def test_schemes_are_set_on_the_command_line(text: str, per_channel: list[bool]) -> None:
    made = resolve(None, {}, [("quantize.schemes", text)]).settings.quantize.schemes
    assert [scheme.model_dump()["per_channel"] for scheme in made] == per_channel
    with pytest.raises(SettingsError, match=r"those there are: onnx_int8_dynamic\.v1"):
        resolve(None, {}, [("quantize.schemes", "other.v1")])


def test_a_form_takes_what_the_settings_take() -> None:
    """Prefect checks the parameters of a run against the schema before it starts one."""
    schema = QuantizeSettings.model_json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(json.loads(QuantizeSettings().model_dump_json())))
    assert not list(validator.iter_errors({"schemes": [INT8]}))
    assert list(validator.iter_errors({"schemes": [5]}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([INT8, {"kind": INT8, "per_channel": False}], "twice"),
        (["onnx_int9.v1"], "those there are: onnx_int8_dynamic.v1"),
        ([5], "is no scheme"),
        ([{"kind": INT8, "per_chanel": True}], "Extra inputs"),
    ],
)
def test_what_cannot_be_made_is_refused(given: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QuantizeSettings.model_validate({"schemes": given})


def test_settings_come_back_from_json_with_the_options_of_their_schemes() -> None:
    settings = QuantizeSettings(schemes=(OnnxDynamic(per_channel=False),))
    assert QuantizeSettings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.decisive()["schemes"] == [{"kind": INT8, "per_channel": False}]


def test_the_maker_sees_neither_the_list_of_schemes_nor_do_threads_decide() -> None:
    settings = QuantizeSettings(schemes=(), threads=7)
    assert settings.decisive(VARIANT.reads) == QuantizeSettings().decisive(VARIANT.reads)
    with pytest.raises(AttributeError):
        _ = settings.only(VARIANT.reads).schemes
    assert settings.only(VARIANT.reads).threads == 7


def test_another_scheme_is_one_more_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemes, "SCHEMES", (*SCHEMES, Copied))
    settings = QuantizeSettings.model_validate({"schemes": [INT8, {"kind": "copied.v1", "group_size": 64}]})
    assert [scheme.kind for scheme in settings.schemes] == [INT8, "copied.v1"]
    assert settings.schemes[1] == Copied(group_size=64)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_has_a_versioned_name_of_its_own_a_backend_and_parameters(scheme: type[Scheme]) -> None:
    kind = kind_of(scheme)
    assert kind.rpartition(".v")[2].isdecimal()
    assert [kind_of(other) for other in SCHEMES].count(kind) == 1
    assert scheme.backend in BACKENDS
    assert scheme_of(json.loads(json.dumps(scheme_of(kind).decisive()))) == scheme_of(kind)


def test_what_a_scheme_is_called_stands_in_its_own_file_alone() -> None:
    """Nothing in the stages that judge knows one scheme from another."""
    library = Path(schemes.__file__).parents[2]
    rooms = [path for room in ("evaluate", "quantize", "register", "model") for path in (library / room).rglob("*.py")]
    assert len(rooms) > 20
    naming = {path.name for path in rooms if NAMED.search(path.read_text(encoding="utf-8"))}
    assert naming == {"onnx_dynamic.py"}
