"""JSON of a model's folder: no key that has code loaded, and no index of weights that names a file of elsewhere.

transformers joins what `weight_map` names to the folder and opens it, whatever that leads to: an absolute path, `..`,
a pickle. The digests of a package say nothing of such a file. So an index names safetensors files of its own folder.

What stands twice in an object is looked at twice: readers differ in which of the two they take.
"""

import json
from pathlib import Path
from typing import Any

from pipeline_lib.register.refusal import refused, shown

LOADS_CODE = frozenset({"auto_map", "custom_pipelines"})  # keys by which transformers takes classes from the folder
INDEX_SUFFIX, WEIGHT_MAP = ".index.json", "weight_map"
Pairs = tuple[tuple[str, Any], ...]  # an object; arrays are lists


class _Refused(Exception):
    """What is wrong, and what to do."""


def read_json(name: str, path: Path) -> None:
    """Raise `DataError` unless it is JSON that may be in a model's folder."""
    weights = _weights_beside(path)

    def looked_at(pairs: list[tuple[str, Any]]) -> Pairs:
        _look(pairs, weights)
        return tuple(pairs)

    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=looked_at)
        if name.endswith(INDEX_SUFFIX):
            _look_at_index(found)
    except _Refused as exc:
        raise refused(name, *exc.args) from exc
    except (ValueError, RecursionError) as exc:
        raise refused(name, "this is no JSON", "Write it anew, or take it out") from exc


def _weights_beside(path: Path) -> frozenset[str]:
    """The names that an index in the same folder may name; one with a backslash is a path to some readers."""
    beside = path.parent.glob("*.safetensors")
    return frozenset(file.name for file in beside if file.is_file() and not file.is_symlink() and "\\" not in file.name)


def _look(pairs: list[tuple[str, Any]], weights: frozenset[str]) -> None:
    """Look at the keys of one object; its values were looked at before."""
    if found := LOADS_CODE & {key for key, _ in pairs}:
        raise _Refused(f"{min(found)} would load code from the folder", "Take the key out")
    for key, value in pairs:
        if key == WEIGHT_MAP and isinstance(value, tuple):
            _look_at_names([named for _, named in value], weights)


def _look_at_names(names: list[Any], weights: frozenset[str]) -> None:
    for named in names:
        if not isinstance(named, str) or named not in weights:
            raise _Refused(
                f"{WEIGHT_MAP} names {shown(named)}, which is no safetensors file of the same folder",
                "Save the model with all of its weights in one folder",
            )


def _look_at_index(found: Any) -> None:
    """What is called an index is one."""
    maps = [value for key, value in found if key == WEIGHT_MAP] if isinstance(found, tuple) else []
    if not maps or not all(isinstance(value, tuple) for value in maps):
        raise _Refused(f"this is no index of weights ({WEIGHT_MAP})", "Write it anew, or take it out")
