"""The settings: one tree, resolved from defaults < TOML file < environment < command line.

    clean.max_characters = 100000      in a file:          [clean] max_characters = 100000
                                       in the environment: NIGHTSHIFT_CLEAN__MAX_CHARACTERS=100000
                                       on the command line: --clean.max_characters 100000

Unknown keys are errors with a suggestion; each value remembers where it came from, for `nightshift config --explain`.
What decides the bytes lives in the sections of the stages. `[resources]`, `[guards]`, `[schedule]`, `[maintenance]`,
`[report]`, `profile` and `workspace` decide nothing. Which sections there are says the table of stages, which is above
this module.
"""

import difflib
import json
import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin

from pydantic import Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.settings import StageSettings, operational
from pipeline_lib.run.guard import GuardSettings
from pipeline_lib.settings.report import ReportSettings
from pipeline_lib.settings.schedule import ScheduleSettings

ENVIRONMENT_PREFIX = "NIGHTSHIFT_"
ALL_OF_THEM = "See nightshift config --explain for all of them."
# What pydantic says of shapes in words of Python, in those of a settings file.
SHAPES = {"tuple_type": "should be a list", "list_type": "should be a list", "dict_type": "should be a table"}
VERSIONED_KEY = re.compile(r"^v\d+$")
OF_NO_SECTION = ("profile", "workspace")

Section = TypeVar("Section", bound=StageSettings)


class ResourceSettings(StageSettings):
    """What a run may use. Nothing here changes a byte of the result."""

    workers: int = Field(
        2,
        ge=1,
        le=256,
        description="processes that work on shards side by side",
        json_schema_extra=operational("processes"),
    )
    stage_deadline_minutes: float = Field(
        120.0,
        gt=0,
        description="a data stage that takes longer is stopped; its finished shards are kept",
        json_schema_extra=operational("minutes"),
    )


class MaintenanceSettings(StageSettings):
    """What `nightshift gc` leaves, and how long is verified. Nothing here changes a byte of what is made."""

    keep_nights: int = Field(
        7,
        ge=1,
        description="the newest trainings stay with all that nightshift trace asks of them, registered or not",
        json_schema_extra=operational("trainings"),
    )
    keep_days: float = Field(
        7.0,
        ge=0,
        description="what nothing needs any more stays for so long; 0 removes it at once",
        json_schema_extra=operational("days"),
    )
    keep_runs_days: float = Field(
        90.0,
        ge=1,
        description="runs in Prefect and MLflow, and full logs, stay for so long after their end",
        json_schema_extra=operational("days"),
    )
    verify_minutes: float = Field(
        20.0,
        ge=0,
        description="so long a week everything is read and compared with its digests, each time from where it was left",
        json_schema_extra=operational("minutes"),
    )


class Settings(StageSettings):
    """Everything that can be set, with defaults that run the demo. The stages add their sections (stages.py)."""

    profile: str = Field(
        "demo",
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="name of this way of running; shown in run names",
        json_schema_extra=operational(),
    )
    workspace: Path = Field(
        Path(".nightshift"),
        description="folder for artifacts, state, models and databases",
        json_schema_extra=operational(),
    )
    resources: ResourceSettings = Field(default_factory=ResourceSettings, description="processes and deadlines")
    guards: GuardSettings = Field(default_factory=GuardSettings, description="when losing documents stops the night")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="when the night starts by itself")
    maintenance: MaintenanceSettings = Field(
        default_factory=MaintenanceSettings, description="what gc leaves; verifying"
    )
    report: ReportSettings = Field(default_factory=ReportSettings, description="the page of a refresh")

    def of(self, kind: type[Section]) -> Section:
        """The section of a stage, asked for by its class."""
        for name, field in type(self).model_fields.items():
            if field.annotation is kind:
                return cast(Section, getattr(self, name))
        raise LookupError(f"no stage of the table has {kind.__name__}")


def with_sections(sections: Mapping[str, tuple[type[StageSettings], str]], module: str) -> type[Settings]:
    """The settings with a section for each stage: word -> its settings, and what they are about."""
    fields: dict[str, Any] = {
        word: (kind, Field(default_factory=kind, description=about)) for word, (kind, about) in sections.items()
    }
    with warnings.catch_warnings():  # pydantic warns of "register", which is a method of its metaclass
        warnings.simplefilter("ignore")
        return create_model("AllSettings", __base__=Settings, __module__=module, **fields)


@dataclass(frozen=True)
class Resolved:
    """Settings, and for each dotted name that was set the place it came from."""

    settings: Settings
    origins: Mapping[str, str]


def resolve_as(
    kind: type[Settings], config: Path | None, environment: Mapping[str, str], arguments: Sequence[tuple[str, str]]
) -> Resolved:
    """The settings of a run, of the kind that has all sections.

    Raises `SettingsError` for a missing file, an unknown key or a wrong value.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value in _from_file(config):
        _put(values, origins, name, value, str(config))
    for variable, text in sorted(environment.items()):
        if is_setting(variable):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            _put(values, origins, name, _parsed(kind, name, text), f"environment variable {variable}")
    for name, text in arguments:
        _put(values, origins, name, _parsed(kind, name, text), f"command line --{name}")
    return Resolved(_validated(kind, values, origins), origins)


def is_setting(variable: str) -> bool:
    """Whether an environment variable is meant as a setting; NIGHTSHIFT_SCRUB_KEY, for one, is not."""
    name = variable.removeprefix(ENVIRONMENT_PREFIX)
    return name != variable and ("__" in name or name.lower() in OF_NO_SECTION)


def _put(values: dict[str, Any], origins: dict[str, str], name: str, value: Any, origin: str) -> None:
    """Set a value, and remember for each of its leaves where it came from; what comes later stands last."""
    _set(values, _path(name), value)
    for leaf, _ in _leaves({name: value}, ""):
        origins.pop(leaf, None)
        origins[leaf] = origin


def _from_file(config: Path | None) -> Iterator[tuple[str, Any]]:
    if config is None:
        return
    if not config.is_file():
        what = "is no file" if config.exists() else "there is no such settings file"
        raise SettingsError(f"{config}: {what}. Give the path of a TOML file to --config.")
    try:
        tree = tomllib.loads(config.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{config}: is not TOML: {exc}. Correct the file and run again.") from exc
    yield from _leaves(tree, "")


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _path(name: str) -> list[str]:
    """The steps of a dotted name; a versioned name ("min_words.v1") is one step."""
    steps: list[str] = []
    for part in name.split("."):
        if steps and VERSIONED_KEY.match(part):
            steps[-1] = f"{steps[-1]}.{part}"
        else:
            steps.append(part)
    return steps


def _set(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        values = values.setdefault(step, {})
        if not isinstance(values, dict):
            raise SettingsError(f"{'.'.join(path)}: {step} is a value, not a section. See nightshift config --explain.")
    values[path[-1]] = value


def _parsed(kind: type[Settings], name: str, text: str) -> Any:
    """The value a person meant by `text`: what the field's own type makes of it, else what JSON makes of it."""
    annotation = _annotation(kind, name)
    readings = [text, *_readings(text)]
    for reading in readings:
        try:
            TypeAdapter(annotation).validate_python(reading)
        except ValidationError:
            continue
        return reading
    return readings[1] if text.startswith(("[", "{")) else text


def _readings(text: str) -> list[Any]:
    """What else than itself a text may mean: a JSON value, or a list with commas."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [[part.strip() for part in text.split(",")]]


def _annotation(kind: type[Settings], name: str) -> Any:
    """The type of the setting with this dotted name; Raises `SettingsError` with a suggestion when there is none."""
    annotation: Any = kind
    for step in _path(name):
        if get_origin(annotation) in (dict, Mapping) or annotation is dict:
            arguments = get_args(annotation)
            annotation = arguments[1] if arguments else Any
        else:
            annotation = _field(kind, annotation, step, name).annotation
        annotation = _model_in(annotation)
    return annotation


def _field(kind: type[Settings], annotation: Any, step: str, name: str) -> FieldInfo:
    fields: dict[str, FieldInfo] = getattr(annotation, "model_fields", {})
    if step not in fields:
        raise SettingsError(_unknown(kind, name))
    return fields[step]


def _model_in(annotation: Any) -> Any:
    """`Limit` for `Limit | None`; other types as they are."""
    models = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, StageSettings)]
    is_optional = type(None) in get_args(annotation)
    return models[0] if is_optional and len(models) == 1 else annotation


def _unknown(kind: type[Settings], name: str) -> str:
    known = list(_names(kind, ""))
    section, _, last = name.rpartition(".")
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    near = [found for found in close if not section or found != section] or [
        candidate for candidate in known if candidate.rsplit(".", 1)[-1] == last
    ]
    advice = f"Did you mean {near[0]}?" if near else ALL_OF_THEM
    return f"{name}: there is no such setting. {advice}"


def _names(model: type[StageSettings], prefix: str) -> Iterator[str]:
    """The dotted names of all sections and settings."""
    for key, field in model.model_fields.items():
        yield f"{prefix}{key}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, StageSettings):
            yield from _names(field.annotation, f"{prefix}{key}.")


def _validated(kind: type[Settings], values: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    try:
        return kind.model_validate(values)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{_unknown(kind, name)}{_from(name, origins)}") from exc
        given = first.get("input")
        is_shown = isinstance(given, str | int | float | bool) and "password" not in first["msg"]
        shown = f" (got {given!r})" if is_shown else ""
        told = f"{_message(kind, name, first['type'], first['msg'])}{shown}"
        end = "" if told.endswith("?") else "."
        raise SettingsError(f"{name}{name and ': '}{told}{end}{_from(name, origins)}") from exc


def _message(kind: type[Settings], name: str, fault: str, said: str) -> str:
    """What is wrong with a value, in words of settings."""
    if fault == "model_type":  # a value where a section belongs
        below = list(getattr(_annotation(kind, name), "model_fields", ()))
        return f"has settings below it, as in {name}.{below[0]}" if below else "should be a table"
    return SHAPES.get(fault, said.removeprefix("Value error, "))


def _from(name: str, origins: Mapping[str, str]) -> str:
    near = [origin for known, origin in origins.items() if name.startswith(known) or known.startswith(name)]
    return f" It comes from {near[0]}." if near else ""
