"""Why a piece of work is reused or done, in words: what `nightshift plan` prints.

A work that is not there is compared with the manifest that the same place of the same step had last time: another
version, another setting, another input; or it is new, deleted or damaged. Where only an input differs, the reason is
that of the input, back to where it began: "clean.judge: rules.min_words.v1.at_least 50 -> 40".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline_lib.run.execute import Graph
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

Action = Literal["reuse", "work"]
NEW = "new"


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


@dataclass
class Reasons:
    """Explains the works of a plan. What it found out about one work it remembers for those that follow from it."""

    workspace: Workspace
    graph: Graph
    _before: dict[Ref, Ref | None] = field(default_factory=dict)
    _causes: dict[Ref, str] = field(default_factory=dict)

    def of_step(self, step: Step) -> list[Line]:
        """One line for each artifact of a step, in the order in which they would be made."""
        self._place(step)
        return [self._line(step, work) for work in step.works]

    def _place(self, step: Step) -> None:
        """Which artifact stood in the place of each work of the step when it was last done."""
        last = defaultdict[str, list[str]](list)
        for entry in self.workspace.last(step.key):
            maker, _, fingerprint = entry.partition(" ")
            last[maker].append(fingerprint)
        for work in step.works:
            same = last[work.maker.name]
            self._before[work.ref] = Ref(work.maker.stage, same.pop(0)) if same else None

    def _line(self, step: Step, work: Work) -> Line:
        store = self.workspace.store
        found = store.condition(work.ref)
        before = found.manifest or self._manifest_before(work, store)
        seconds = before.seconds if before else None
        if work.ref in step.todo and (work.lost or not found.is_present):
            return Line(step.stage, step.label, work.name, work.fingerprint, "work", self.cause(work), seconds)
        reason = "nothing changed" if found.is_present else "not needed: what follows from it is whole"
        return Line(step.stage, step.label, work.name, work.fingerprint, "reuse", reason, seconds)

    def cause(self, work: Work) -> str:
        """Why a work that is not there has to be done."""
        if work.ref not in self._causes:
            self._causes[work.ref] = self._found_out(work)
        return self._causes[work.ref]

    def _found_out(self, work: Work) -> str:
        store = self.workspace.store
        condition = store.condition(work.ref).reason
        last = self._before.get(work.ref)
        if work.lost or condition != "missing":
            return work.lost or condition or "nothing changed"
        if last is None:
            return NEW
        if last == work.ref:
            return "deleted"
        before = manifest_of(store, last)
        if before is None:
            return "what stood in its place is gone"
        if before.version != work.maker.version:
            return f"version {before.version} -> {work.maker.version} (this release)"
        changed = list(changes(_set(work, before.settings), _set(work, work.decisive)))
        return _in_words(changed) or self._of_inputs(work, before) or _in_words(changes(before.settings, work.decisive))

    def _of_inputs(self, work: Work, before: Manifest) -> str:
        """The reason of the first input that is another one than before; "" where all are the same."""
        others = [ref for name, ref in work.inputs.items() if before.inputs.get(name) != ref]
        others += [ref for ref in work.members if ref not in before.members]
        for ref in others:
            made = self.graph.get(ref)
            if made is not None:
                cause = self.cause(made)
                return cause if ": " in cause or cause == NEW else f"{made.maker.name}: {cause}"
        if others:
            return "another input"
        is_same = work.inputs == before.inputs and work.members == before.members
        return "" if is_same else "fewer inputs"

    def _manifest_before(self, work: Work, store: Store) -> Manifest | None:
        last = self._before.get(work.ref)
        return manifest_of(store, last) if last else None


def explain(steps: Sequence[Step], graph: Graph, workspace: Workspace) -> Iterator[tuple[Step, list[Line]]]:
    """The lines of each step, in the order of the night."""
    reasons = Reasons(workspace, graph)
    for step in steps:
        yield step, reasons.of_step(step)


def changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """`name old -> new` for each setting that differs, with dotted names; what is not said is at its neutral value."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from changes(before, after, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} {_shown(before)} -> {_shown(after)}"


def _set(work: Work, decisive: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among what decides, without the parameters: these follow from the inputs, mostly."""
    fields = () if work.settings is None else type(work.settings).model_fields
    return {name: value for name, value in decisive.items() if name in fields}


def _in_words(changed: Iterable[str]) -> str:
    """The first three of them."""
    named = list(changed)
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if named[3:] else "")


def _shown(value: Any) -> str:
    text = "off" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
