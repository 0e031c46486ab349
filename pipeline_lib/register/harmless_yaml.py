"""YAML that MLflow reads as settings: one value for each key, of the plain types, and no more than a file of settings.

Nothing is built from it but text, numbers, lists and mappings, as by MLflow (`yaml.safe_load`). A key that stands twice
is refused, since readers differ in which of the two they take.
"""

from pathlib import Path
from typing import Any

from pipeline_lib.register.refusal import refused

MAX_BYTES = 1_000_000


def read_yaml(name: str, path: Path) -> Any:
    """What stands in a file of UTF-8. Raises `DataError` where that is no plain YAML."""
    import yaml

    if path.stat().st_size > MAX_BYTES:
        raise refused(name, f"it is larger than {MAX_BYTES:,} bytes, and no file of settings is", "Take it out")
    try:
        text = path.read_text(encoding="utf-8")
        if _has_twice(yaml.compose(text, Loader=yaml.SafeLoader)):
            raise refused(name, "a key stands in it twice", "Take one out")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as exc:
        # of PyYAML itself, where a type is said of what is none: `!!int ""`, `!!bool x`, `!!timestamp x`
        raise refused(name, "this is no plain YAML", "Write it anew, or take it out") from exc


def _has_twice(node: Any) -> bool:
    """Whether some mapping has a key twice, or takes keys from another (`<<`); each node is looked at once."""
    waiting, seen = [node], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.id == "mapping":
            keys = [key.value for key, _ in node.value if isinstance(key.value, str)]
            if "<<" in keys or len(keys) != len(set(keys)):
                return True
            waiting.extend(part for pair in node.value for part in pair)
        elif node.id == "sequence":
            waiting.extend(node.value)
    return False
