"""Why a piece of work is reused or done, in words: what `nightshift plan` prints.

A work that is not there is compared with the manifest that the same shard of the same step had last time: another
version, another setting, another input; or it is new, deleted or damaged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.run.work import Step, Work
from pipeline_lib.store.artifact import Manifest, Store
from pipeline_lib.store.workspace import Workspace

Action = Literal["reuse", "work"]
NAMED_BY_FINGERPRINTS = {"lineage", "batches", "on"}  # what a training reads: 32 digits each, which say nothing


@dataclass(frozen=True)
class Line:
    """What happens to one artifact, and why."""

    stage: str
    label: str
    name: str  # "shard 3", "batch"
    fingerprint: str
    action: Action
    reason: str
    last_seconds: float | None  # what it took the last time it was made


def explain_step(step: Step, workspace: Workspace) -> list[Line]:
    """One line for each artifact of a step, in the order in which they would be made."""
    last = workspace.last(step.key)
    return [
        _explain(step, work, last[index] if index < len(last) else None, workspace.store)
        for index, work in enumerate(step.works)
    ]


def _explain(step: Step, work: Work, last: str | None, store: Store) -> Line:
    found = work.condition(store)
    before = found.manifest or _manifest(store, work.stage, last)
    seconds = before.seconds if before else None
    if found.is_present:
        return Line(step.stage, step.label, work.name, work.fingerprint, "reuse", "nothing changed", seconds)
    reason = _reason(work, last, before, found.reason)
    return Line(step.stage, step.label, work.name, work.fingerprint, "work", reason, seconds)


def _reason(work: Work, last: str | None, before: Manifest | None, condition: str) -> str:
    if condition != "missing":  # damaged, or lost
        return condition
    if last is None:
        return "new"
    if last == work.fingerprint:
        return "deleted"
    if before is None:
        return "input changed"
    if before.version != work.version:
        return f"version changed: {before.version} -> {work.version}"
    changed = list(changes(_for_people(before.settings), _for_people(work.settings)))
    if changed:
        return "settings changed: " + ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if changed[3:] else "")
    if before.settings.get("lineage") != work.settings.get("lineage"):
        return "text rules, tokenizer or architecture changed: from scratch"
    return "input changed"


def _for_people(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in settings.items() if name not in NAMED_BY_FINGERPRINTS}


def changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """`name old -> new` for each setting that differs, with dotted names."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from changes(before, after, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _manifest(store: Store, stage: str, name: str | None) -> Manifest | None:
    if name is None:
        return None
    try:
        return store.read(stage, name)
    except DamagedArtifact:
        return None
