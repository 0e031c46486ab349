"""All settings there are, and for each of them another value than it has.

for name in OPERATIONAL: changed = another(name, settings)        a dotted name: "train.threads"
"""

import json
from collections.abc import Iterator
from typing import Any, get_args

from pipeline_lib.base.settings import StageSettings, is_operational
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import AllSettings


def fields_of(kind: type[StageSettings], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """The dotted names of all settings, and whether each is operational."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, StageSettings):
            yield from fields_of(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", is_operational(field)


APART = {"workspace", "ingest.sources", "clean.terminology_file", "clean.spacy_pipeline"}  # have tests of their own
OPERATIONAL = [name for name, is_it in fields_of(AllSettings) if is_it and name not in APART]
DECISIVE = [name for name, is_it in fields_of(AllSettings) if not is_it]

# Another value for those of which one is not told by the type alone.
OTHER: dict[str, Any] = {
    "clean.steps": {"invisible.v1": True},
    "clean.boilerplate_lines": ["back to work"],
    "clean.rewrites": [{"name": "a.v1", "pattern": "a"}],
    "clean.languages": ["en"],
    "clean.rule_set": ["gopher"],
    "clean.rules": {"min_words.v1": {"at_least": 40}},
    "clean.entity_rules": [{"label": "X", "terms": ["ab"]}],
    "clean.entity_limits": {"TERM": 3},
    "clean.terminology": ["night shift"],
    "dedup.method": "simhash",
    "evaluate.context_tokens": 16,
    "quantize.schemes": [{"kind": "onnx_int8_dynamic.v1", "per_channel": False}],
    "register.tracking_uri": "http://127.0.0.1:9",
    "register.trusted_keys": ["0" * 64],
    "schedule.cron": "30 4 * * mon-fri",
    "schedule.time_zone": "Asia/Shanghai",
    "scrub.phone_regions": ["CN"],
    "tokenize.heldout_share": 0.3,  # more than a small corpus gets anyway (plan/sides.py)
    "tokenize.domain_terms": ["nightshift"],
    "train.budget_minutes": 3,
    "train.checkpoint_every_steps": 5,
    "train.hidden_size": 40,
    "train.intermediate_size": 72,
    "train.max_steps": 50,
    "train.num_heads": 4,
}


def value_of(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def another(name: str, settings: Settings) -> Any:
    """Another value for a setting."""
    value, choices = value_of(settings, name), get_args(annotation_of(name))
    if name in OTHER:
        return OTHER[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and value in choices:
        return next(choice for choice in choices if choice != value)
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.9 * value or 0.01
    assert isinstance(value, str), f"say in OTHER which other value {name} may have"
    return f"{value}-x"


def annotation_of(name: str) -> Any:
    kind: Any = AllSettings
    for part in name.split("."):
        kind = kind.model_fields[part].annotation
    return kind


def as_argument(value: Any) -> str:
    """A value as it is said on the command line."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
