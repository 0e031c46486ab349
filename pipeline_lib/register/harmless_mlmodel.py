"""What may stand in MLmodel, the file by which MLflow's own client decides what it imports and opens.

`mlflow.pyfunc.load_model` imports the module that `loader_module` names, with the folders of `code` before all others;
other entries lead to files, anywhere (`model_binary`, `components`, `data`), to the model hub
(`source_model_revision`), or into the call of the model: there the default of a parameter of the signature, such as
`trust_remote_code`, is as good as code. So it is an allow-list, of what package.py writes and of what MLflow adds when
it saves a pipeline by itself and that leads nowhere (`run_id`). What is served is what was measured: `model/`.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.model.records import MODEL_FOLDER
from pipeline_lib.register.harmless_yaml import read_yaml
from pipeline_lib.register.refusal import refused, shown
from pipeline_lib.register.serving import CALLED_WITH, PARAMETERS

Check = Callable[[Any], bool]
Rule = Check | Mapping[str, "Rule"]
MODEL_BINARY, TRANSFORMERS = "model_binary", "transformers"


def _is(*allowed: Any) -> Check:
    return lambda value: any(type(value) is type(one) and value == one for one in allowed)


def _like(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int


def _is_columns(value: Any) -> bool:
    """The schema of what goes in or comes out: names and types."""
    return value is None or _listed(value) is not None


def _is_parameters(value: Any) -> bool:
    """Of ours, each without a default or with a number for one."""
    listed = [] if value is None else _listed(value)
    return listed is not None and all(_is_parameter(one) for one in listed)


def _is_parameter(one: Any) -> bool:
    if not isinstance(one, dict) or one.keys() - {"name", "type", "default", "shape"}:
        return False
    name, default = one.get("name"), one.get("default")
    return (
        isinstance(name, str)
        and PARAMETERS.get(name) == one.get("type")
        and (default is None or isinstance(default, bool | int | float))
        and one.get("shape") is None
    )


def _listed(text: Any) -> list[Any] | None:
    """A list that stands there as text of JSON, or None."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


VERSION = _like(r"[0-9]+(\.[0-9A-Za-z]+)*")
CLASS = _like(r"[A-Za-z][A-Za-z0-9]*")
IDENTITY = _like(r"[A-Za-z0-9-]+")
RULES: Rule = {
    "flavors": {
        "python_function": {
            "code": _is(None),
            "config": _is(CALLED_WITH),  # what the call gets
            "env": {"conda": _is("conda.yaml"), "virtualenv": _is("python_env.yaml")},
            "loader_module": _is("mlflow.transformers"),
            "python_version": VERSION,
        },
        TRANSFORMERS: {
            "code": _is(None),
            "components": _is(["tokenizer"]),
            "instance_type": _is("TextGenerationPipeline"),
            MODEL_BINARY: _is(MODEL_FOLDER),
            "pipeline_model_type": CLASS,
            "source_model_name": _is_text,  # opened only where there is a revision or no `model_binary`
            "task": _is("text-generation"),
            "tokenizer_type": CLASS,
            "torch_dtype": _is("torch.float32", "torch.float16", "torch.bfloat16"),
            "transformers_version": VERSION,
        },
    },
    "artifact_path": _is_text,  # where it was logged; not opened
    "is_signature_from_type_hint": _is(False),
    "mlflow_version": VERSION,
    "model_id": lambda value: value is None or IDENTITY(value),
    "model_size_bytes": _is_count,
    "model_uuid": IDENTITY,
    "prompts": _is(None),
    "run_id": IDENTITY,
    "signature": {"inputs": _is_columns, "outputs": _is_columns, "params": _is_parameters},
    "type_hint_from_example": _is(False),
    "utc_time_created": _is_text,
}


def read_mlmodel(name: str, path: Path) -> None:
    """Raise `DataError` unless each entry is one that our own models have, with a value that leads nowhere else."""
    found = read_yaml(name, path)
    if not isinstance(found, dict):
        raise refused(name, "this is no MLmodel", "Write it anew, or take it out")
    if odd := _odd(_with_folder(found), RULES):
        raise refused(
            name,
            f"the entry {shown(odd)} is not one of a model of Nightshift, and may load code or files of elsewhere",
            "Take it out, or register the model again",
        )


def _with_folder(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same, with the entry `model_binary` also where it is missing: MLflow takes another folder then."""
    flavors = found.get("flavors")
    ours = flavors.get(TRANSFORMERS) if isinstance(flavors, dict) else None
    if not isinstance(flavors, dict) or not isinstance(ours, dict):
        return found
    return {**found, "flavors": {**flavors, TRANSFORMERS: {MODEL_BINARY: None, **ours}}}


def _odd(entry: Any, rule: Rule, place: str = "") -> str:
    """The place of the first entry that no rule allows, or nothing."""
    if callable(rule):
        return "" if rule(entry) else place
    if not isinstance(entry, dict):
        return place
    for key, value in entry.items():
        inner = f"{place}.{key}".lstrip(".")
        if key not in rule:
            return inner or repr(key)
        if odd := _odd(value, rule[key], inner):
            return odd
    return ""
