"""The fixed night of tests/laid_out.py with other settings: what each of them renames."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.base.settings import StageSettings
from pipeline_lib.settings.tree import Settings
from tests.every_setting import as_argument
from tests.labelled import write_examples, write_pipeline, write_reference, write_word_list
from tests.laid_out import LaidOut, lay_out, night_settings


@dataclass(frozen=True)
class Fixed:
    """The night as it is, and where it lies."""

    root: Path
    night: LaidOut
    settings: Settings

    def with_settings(self, settings: Settings) -> LaidOut:
        """The same night with other settings. Nothing is made, so that one workspace serves for all of them."""
        return lay_out(settings, self.root / "workspace")

    def holding(self, kind: type[StageSettings]) -> Settings:
        """Its settings; those with what is off by default, where only they hold something of this kind."""
        return self.settings if holds(self.settings, kind) else night_settings(self.root, **switched_on(self.root))

    def changed(self, name: str, value: Any) -> set[str]:
        """The places whose names are others when one setting has another value."""
        changes = {name.replace(".", "__"): as_argument(value)}
        return self.night.changed(self.with_settings(night_settings(self.root, **changes)))


def switched_on(root: Path, **changes: Any) -> dict[str, str]:
    """What has settings of its own, and is off by default."""
    examples = root / "examples"
    model = {"name": "sea", "keep": str(examples / "keep.jsonl"), "drop": str(examples / "drop")}
    if not examples.is_dir():
        model = write_examples(examples, num=12)
    rewrites = [{"name": "a.v1", "pattern": "a"}]
    models = [{**model, **changes}, write_reference(root / "reference"), write_word_list(root / "lists")]
    patterns = [[{"LOWER": {"IN": ["sea", "ship"]}}, {"IS_DIGIT": True}]]
    rules = [{"label": label, "terms": ["ab"], "patterns": patterns} for label in ("BOILERPLATE", "TERM")]
    return {
        "clean__entity_rules": json.dumps(rules),
        "clean__models": json.dumps(models),
        "clean__rewrites": json.dumps(rewrites),
        "clean__spacy_pipeline": write_pipeline(root / "names"),
    }


def with_model(root: Path, **changes: Any) -> LaidOut:
    """The night with all that is off by default; `changes` are of its first model."""
    return lay_out(night_settings(root, **switched_on(root, **changes)), root / "workspace")


def holds(value: Any, kind: type[StageSettings]) -> bool:
    """Whether there is something of this kind in it."""
    if isinstance(value, StageSettings):
        return type(value) is kind or any(holds(part, kind) for part in value.__dict__.values())
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return any(holds(part, kind) for part in parts)
