"""What leads out of a model's folder, or has code imported or installed: indexes of weights, MLmodel, environments."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.harmless import check_files
from pipeline_lib.register.package import WITHOUT_SUFFIX, Contents, build
from tests.tiny_model import write_model

SHARD = "model-00001-of-00001.safetensors"


def put(folder: Path, name: str, data: str | bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def refused(folder: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        check_files(folder, also=WITHOUT_SUFFIX)
    assert "not registered, and not put into service" in str(caught.value)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of ours, which tests read from."""
    model, folder = write_model(tmp_path_factory.mktemp("trained")), tmp_path_factory.mktemp("package")
    build(Contents(model, {}, "# card", "a" * 32), folder)
    return folder


# Indexes of weights -------------------------------------------------------------------------------------------------

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json", "model/variant.safetensors.index.json")
ELSEWHERE = (
    "/etc/evil.safetensors",
    "../outside.safetensors",
    "deep/inner.safetensors",
    "./" + SHARD,
    "deep/../" + SHARD,
    "..\\outside.safetensors",
    "C:\\outside.safetensors",
    "missing.safetensors",
    "file:///etc/evil.safetensors",
    "config.json",
    "pytorch_model.bin",
    SHARD + "\0",
    "x" * 5000 + ".safetensors",
    "folder.safetensors",
    "..",
    "",
    None,
    7,
    [SHARD],
    {"a": SHARD},
)


def with_shard(folder: Path, index: str) -> None:
    """The weights that an index may name, in its folder, and what it may not, around it."""
    beside = (folder / index).parent.relative_to(folder).as_posix()
    weights = save({"w": np.ones(3, np.float32)})
    put(folder, f"{beside}/{SHARD}", weights)
    put(folder, f"{beside}/deep/inner.safetensors", weights)
    put(folder, f"{beside}/config.json", "{}")
    (folder / beside / "folder.safetensors").mkdir()


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("named", ELSEWHERE, ids=lambda named: repr(named)[:30])
def test_an_index_names_weights_of_its_own_folder(tmp_path: Path, index: str, named: Any) -> None:
    folder = tmp_path / "package"
    put(tmp_path, "outside.safetensors", save({"w": np.ones(3, np.float32)}))
    with_shard(folder, index)
    put(folder, index, json.dumps({"metadata": {}, "weight_map": {"w": SHARD}}))
    check_files(folder)
    put(folder, index, json.dumps({"metadata": {}, "weight_map": {"v": SHARD, "w": named}}))
    refused(folder, f"{index}: weight_map names .{{1,90}}, which is no safetensors file of the same folder")


@pytest.mark.parametrize("name", ["config.json", "other.json", "deep/quantize_config.json", *INDEXES])
@pytest.mark.parametrize(
    "text",
    [
        '{"weight_map": {"w": "../x.safetensors"}, "weight_map": {}}',
        '{"weight_map": {}, "weight_map": {"w": "../x.safetensors"}}',
        '{"weight_map": {"w": "../x.safetensors", "w": "' + SHARD + '"}}',
        '{"weight\\u005fmap": {"w": "/x.safetensors"}}',
        '{"text_config": [{"weight_map": {"w": "/x.safetensors"}}]}',
    ],
)
def test_an_index_is_one_in_any_file_and_however_it_says_it(tmp_path: Path, name: str, text: str) -> None:
    with_shard(tmp_path, name)
    put(tmp_path, name, text)
    refused(tmp_path, f"{name}: weight_map names")


@pytest.mark.parametrize(
    "text", ["{}", "[]", "7", '{"weight_map": []}', '{"weight_map": "/x"}', '{"a": {"weight_map": {}}}']
)
def test_what_is_called_an_index_is_one(tmp_path: Path, text: str) -> None:
    put(tmp_path, "model.safetensors.index.json", text)
    refused(tmp_path, r"model\.safetensors\.index\.json: this is no index of weights")


def test_an_index_does_not_name_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    put(tmp_path, "outside.safetensors", save({"w": np.ones(3, np.float32)}))
    put(folder, "a.safetensors.index.json", json.dumps({"weight_map": {"w": "w.safetensors"}}))
    (folder / "w.safetensors").symlink_to("../outside.safetensors")
    refused(folder, r"a\.safetensors\.index\.json: weight_map names 'w\.safetensors'")


def test_a_word_of_a_vocabulary_is_no_index(tmp_path: Path) -> None:
    put(tmp_path, "tokenizer.json", json.dumps({"model": {"vocab": {"weight_map": 7}}}))
    check_files(tmp_path)


# MLmodel ------------------------------------------------------------------------------------------------------------


def changed(packed: Path, place: str, value: Any) -> str:
    """Our own MLmodel with another value at a place, such as `flavors.transformers.task`."""
    told: dict[str, Any] = yaml.safe_load((packed / "MLmodel").read_text())
    *folders, last = place.split(".")
    entry = told
    for folder in folders:
        entry = entry.setdefault(folder, {})
    entry[last] = value
    return yaml.safe_dump(told)


def asked(**parameter: Any) -> str:
    return json.dumps([{"name": "top_k", "default": None, "shape": None, "type": "long", **parameter}])


PYFUNC, TRANSFORMERS = "flavors.python_function", "flavors.transformers"
OTHER_ENTRIES = [
    *(
        (f"{PYFUNC}.loader_module", value)
        for value in ("evilmod", "mlflow.pyfunc.model", "mlflow.sklearn", "os", "mlflow.transformers ", None, ["a"])
    ),
    *(
        (f"{flavor}.{key}", value)
        for flavor in (PYFUNC, TRANSFORMERS)
        for key in ("code", "code_paths", "code_path")
        for value in ("/tmp/evil", "code", ["code"], "..", "")
    ),
    *((f"{PYFUNC}.{key}", "model") for key in ("data", "model_code_path", "model_path", "artifacts", "python_model")),
    *((f"{PYFUNC}.data", value) for value in ("/etc", "../elsewhere", ".")),
    *((f"{PYFUNC}.{key}", "eval") for key in ("predict_fn", "predict_stream_fn", "streamable", "cloudpickle_version")),
    (f"{PYFUNC}.artifacts", {"a": {"path": "/etc/passwd", "uri": "http://evil"}}),
    (f"{PYFUNC}.config", {"custom_generate": "evil/repo", "trust_remote_code": True}),
    (f"{PYFUNC}.config", "/etc/config.yaml"),
    *((f"{PYFUNC}.env", value) for value in ("../conda.yaml", "/etc/conda.yaml", "other.yaml", [], None)),
    *((f"{PYFUNC}.env.conda", value) for value in ("../conda.yaml", "/etc/conda.yaml", "other.yaml", {})),
    *((f"{PYFUNC}.env.{key}", "/etc/x.yaml") for key in ("virtualenv", "docker", "uv")),
    (f"{PYFUNC}.python_version", "3.11; rm"),
    *(
        (f"{TRANSFORMERS}.model_binary", value)
        for value in ("/etc", "../model", "variants/a.v1", "pipeline", "model/..", "", None)
    ),
    *((f"{TRANSFORMERS}.components", value) for value in (["../../x"], ["tokenizer", "processor"], [], "tokenizer")),
    *(
        (f"{TRANSFORMERS}.{key}", "x")
        for key in (
            *("pipeline_model", "source_model_revision", "local_base_model_path", "peft_adaptor", "processor_type"),
            *("tokenizer_name", "tokenizer_revision", "prompt_template", "framework", "inference_task"),
        )
    ),
    (f"{TRANSFORMERS}.task", "feature-extraction"),
    (f"{TRANSFORMERS}.instance_type", "Evil"),
    (f"{TRANSFORMERS}.torch_dtype", "torch.hub"),
    (f"{TRANSFORMERS}.tokenizer_type", "utils.hub"),
    (f"{TRANSFORMERS}.pipeline_model_type", "a/b"),
    *((f"flavors.{flavor}", {"pickled_model": "m.txt"}) for flavor in ("sklearn", "pytorch", "onnx", "evil", "crate")),
    ("flavors", None),
    ("flavors", ["python_function"]),
    ("metadata", {"prompt_template": "x"}),
    ("saved_input_example_info", {"artifact_path": "/etc/passwd"}),
    *((key, ["x"]) for key in ("resources", "auth_policy", "env_vars", "prompts", "code", "artifacts", "unknown")),
    ("signature", "x"),
    ("signature.type_hint", "x"),
    *(("signature.inputs", value) for value in ("os.system", '{"a": 1}', ["string"], "[" * 9000)),
    ("signature.params", asked(name="trust_remote_code", default=True, type="boolean")),
    ("signature.params", asked(name="custom_generate", default="evil/repo", type="string")),
    *(("signature.params", asked(**odd)) for odd in ({"default": "x"}, {"type": "string"}, {"more": 1}, {"name": [1]})),
    *(("signature.params", value) for value in ("{}", "no", '["x"]', [{"name": "top_k"}])),
    ("is_signature_from_type_hint", True),
    ("type_hint_from_example", True),
    ("mlflow_version", "git+https://evil"),
    ("model_uuid", "../x"),
]


@pytest.mark.parametrize(("place", "value"), OTHER_ENTRIES, ids=lambda part: str(part)[:60])
def test_mlmodel_holds_what_our_own_have_and_nothing_else(tmp_path: Path, packed: Path, place: str, value: Any) -> None:
    put(tmp_path, "MLmodel", (packed / "MLmodel").read_bytes())
    check_files(tmp_path, also=WITHOUT_SUFFIX)
    put(tmp_path, "MLmodel", changed(packed, place, value))
    refused(tmp_path, rf"^MLmodel: the entry '{place}[^ ]*' is not one of a model of Nightshift")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((key, "x") for key in ("run_id", "model_id", "artifact_path")),
        ("artifact_path", "/somewhere/mlruns/0/models/m-1/artifacts"),  # MLflow tells it, and does not open it
        (f"{TRANSFORMERS}.source_model_name", "/somewhere/else"),
        ("model_size_bytes", 128_187),
        ("signature.params", None),
        ("signature.params", asked(default=5)),
        (f"{TRANSFORMERS}.tokenizer_type", "TokenizersBackend"),
        (f"{PYFUNC}.code", None),
    ],
    ids=str,
)
def test_what_mlflow_adds_itself_and_what_leads_nowhere_may_stand_there(
    tmp_path: Path, packed: Path, place: str, value: Any
) -> None:
    put(tmp_path, "MLmodel", changed(packed, place, value))
    check_files(tmp_path, also=WITHOUT_SUFFIX)


def test_a_model_that_does_not_say_its_folder_is_refused(tmp_path: Path, packed: Path) -> None:
    """MLflow takes `pipeline/` then, which no night has measured."""
    text = (packed / "MLmodel").read_text()
    put(tmp_path, "MLmodel", text.replace("    model_binary: model\n", ""))
    refused(tmp_path, r"flavors\.transformers\.model_binary")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "[1, 2]",
        "a: [",
        "a: !!python/object/apply:os.system [id]",
        "!!python/name:os.system",
        'a: !!int ""',
        "a: !!bool x",
        "a: !!timestamp x",
        "? [a]\n: 1",
        "a: " + "[" * 5000,
        "--- {}\n--- {}",
        "a: " + "x" * 1_000_001,
        "flavors: {}\nflavors: {}",
        "flavors: {a: {b: 1, b: 2}}",
        "a: &a {loader_module: x}\nb: {<<: *a}",
        "a: &a [*a]",
        "1: 2",
        '"": 2',
    ],
    ids=lambda text: text[:30],
)
def test_what_is_called_mlmodel_is_one(tmp_path: Path, text: str) -> None:
    put(tmp_path, "MLmodel", text)
    refused(tmp_path, r"^MLmodel: ")


def test_a_file_that_goes_into_the_call_of_the_model_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "components/inference_config.txt", '{"trust_remote_code": true}')
    refused(tmp_path, "inference_config.txt: MLflow hands what stands in it to the model")


# Environments -------------------------------------------------------------------------------------------------------

PLACES = (
    "https://evil.example/torch.whl",
    "git+https://evil.example/torch",
    "torch @ https://evil.example/torch.whl",
    "torch@file:///tmp/torch",
    "./torch",
    "/tmp/torch",
    "..",
    "torch.whl",
    "torch==1.zip",
    "torch==1+x.whl",
    "-r other.txt",
    "-c other.txt",
    "-e .",
    "--index-url https://evil.example",
    "--extra-index-url=https://evil.example",
    "--find-links /tmp",
    "torch==2.13.0 --hash=sha256:00",
    "torch==2.13.0 ; python_version > '3'",
    "torch==2.13.0 \\",
    "torch",
    "torch>=2",
    "torch==",
    "torch==2.*",
    "torch==${VERSION}",
    "# coding: utf-7",
)


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt", "deep/requirements.txt", "Requirements.txt"])
@pytest.mark.parametrize("line", PLACES)
def test_requirements_are_releases_by_name_and_version(tmp_path: Path, name: str, line: str) -> None:
    fine = "mlflow==3.17.2\n\npandas[computation, excel]==2.0.0rc1.post1\n".replace(", ", ",") + "torch==2.13.0+cu128\n"
    put(tmp_path, name, fine)
    check_files(tmp_path)
    put(tmp_path, name, f"{fine}{line}\n")
    refused(tmp_path, f"{name}: line 5 is not name==version")


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x85", "\u2028", "\r"])
def test_a_line_ends_where_it_does_for_pip(tmp_path: Path, character: str) -> None:
    put(tmp_path, "requirements.txt", f"torch==2.13.0{character}-e /tmp/evil\n")
    refused(tmp_path, r"requirements\.txt: line 2")


CONDA: Mapping[str, Any] = {
    "name": "mlflow-env",
    "channels": ["conda-forge"],
    "dependencies": ["python=3.11.7", "pip<=23.2.1", "setuptools", {"pip": ["mlflow==3.17.2"]}],
}
PYTHON_ENV: Mapping[str, Any] = {
    "python": "3.11.7",
    "build_dependencies": ["pip==23.2.1", "setuptools", "wheel==0.45.1"],
    "dependencies": ["-r requirements.txt", "torch==2.13.0"],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("dependencies", [{"pip": [line]}]) for line in (*PLACES, "-r requirements.txt")),
        *(("dependencies", ["pip", line]) for line in (*PLACES, "numpy", "numpy=1", "evil::python=3", "pip=x")),
        *(
            ("dependencies", value)
            for value in ("pip", {"pip": []}, [["pip"]], [{"npm": []}], [{"pip": [], "npm": []}])
        ),
        *(("channels", value) for value in (["https://evil.example"], ["conda-forge", "evil"], ["/tmp"], "evil")),
        ("prefix", "/tmp"),
        ("variables", {"PYTHONPATH": "/tmp"}),
        ("name", "../x"),
    ],
    ids=lambda part: str(part)[:60],
)
def test_an_environment_of_conda_names_no_place(tmp_path: Path, key: str, value: Any) -> None:
    put(tmp_path, "conda.yaml", yaml.safe_dump(CONDA))
    check_files(tmp_path)
    put(tmp_path, "conda.yaml", yaml.safe_dump({**CONDA, key: value}))
    refused(tmp_path, r"^conda\.yaml: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("dependencies", [line]) for line in PLACES),
        *(("build_dependencies", [line]) for line in (*PLACES, "torch==2.13.0", "-r requirements.txt")),
        *(("build_dependencies", value) for value in ("pip", {"pip": 1}, [1], [["pip"]])),
        *(("python", value) for value in ("3.11; id", "/usr/bin/python", 3.11, ["3.11.7"], "")),
        ("name", "x"),
    ],
    ids=lambda part: str(part)[:60],
)
def test_an_environment_of_python_names_no_place(tmp_path: Path, key: str, value: Any) -> None:
    put(tmp_path, "python_env.yaml", yaml.safe_dump(PYTHON_ENV))
    check_files(tmp_path)
    put(tmp_path, "python_env.yaml", yaml.safe_dump({**PYTHON_ENV, key: value}))
    refused(tmp_path, r"^python_env\.yaml: ")


@pytest.mark.parametrize("name", ["conda.yaml", "python_env.yaml"])
@pytest.mark.parametrize("text", ["", "[]", "name: a\nname: b", "dependencies: !!python/name:os.system"])
def test_what_is_called_an_environment_is_one(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path, name, text)
    refused(tmp_path, f"^{name}: ")
