"""Why a piece of work is reused or done, in words: what `nightshift plan` prints.

A work that is not there is compared with the manifest that the same place of the same step had last time: another
version, another setting, another input; or it is new, deleted or damaged. Where only an input differs, the reason is
that of the input, back to where it began: "clean.judge: rules.min_words.v1.at_least 50 -> 40". An input is compared
with the one that the manifest names in its place: its own step may have been done since, by a night that was stopped.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile, zip_longest
from typing import Any, Literal

from pipeline_lib.plan.last import kept_of
from pipeline_lib.run.execute import Graph
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

Action = Literal["reuse", "work"]
NEW = "new"
SAME = "nothing changed"
GOES_ON = "goes on from the last one"  # that stood in its place: a training that reads on
NAME = re.compile("[0-9a-f]{32}")
MOST_SHOWN = 40  # characters of a value
NUM_BEFORE = 8  # characters before the place in which two long values differ


@dataclass(frozen=True)
class Cause:
    """Why a work is not what it was, and the maker with which that began; "" where there was nothing before."""

    what: str
    maker: str = ""

    def at(self, work: Work) -> str:
        """In words, for a line of this work."""
        return self.what if self.maker in ("", work.maker.name) else f"{self.maker}: {self.what}"


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
    _causes: dict[tuple[Ref, Ref | None], Cause] = field(default_factory=dict)

    def of_step(self, step: Step) -> list[Line]:
        """One line for each artifact of a step, in the order in which they would be made."""
        self._place(step)
        return [self._line(step, work) for work in step.works]

    def _place(self, step: Step) -> None:
        """Which artifact stood in the place of each work of the step when it was last done."""
        last = defaultdict[str, list[Ref]](list)
        for kept in kept_of(self.workspace, step.key):
            last[kept.maker].append(kept.ref)
        for work in step.kept:
            same = last[work.maker.name]
            self._before[work.ref] = same.pop(0) if same else None

    def _line(self, step: Step, work: Work) -> Line:
        store = self.workspace.store
        found = store.condition(work.ref)
        before = found.manifest or self._manifest_before(work, store)
        seconds = before.seconds if before else None
        if work.ref in step.todo and (work.lost or not found.is_present):
            reason = self._cause(work, self._before.get(work.ref)).at(work)
            return Line(step.stage, step.label, work.name, work.fingerprint, "work", reason, seconds)
        reason = SAME if found.is_present else "not needed: what follows from it is whole"
        return Line(step.stage, step.label, work.name, work.fingerprint, "reuse", reason, seconds)

    def _cause(self, work: Work, before: Ref | None) -> Cause:
        """Why a work has to be done; of one that is whole, why it is another one than stood `before` in its place."""
        pair = (work.ref, before)
        if pair not in self._causes:
            self._causes[pair] = self._found_out(work, before)
        return self._causes[pair]

    def _found_out(self, work: Work, last: Ref | None) -> Cause:
        store, name = self.workspace.store, work.maker.name
        condition = store.condition(work.ref).reason
        if work.lost or condition not in ("", "missing"):
            return Cause(work.lost or condition, name)
        if last is None:
            return Cause(NEW)
        if last == work.ref:
            return Cause("deleted" if condition else SAME, name)
        before = manifest_of(store, last)
        if before is None:
            return Cause("what stood in its place is gone", name)
        if before.maker != name:
            return Cause(NEW)
        if before.version != work.maker.version:
            return Cause(f"version {before.version} -> {work.maker.version} (this release)", name)
        changed = _in_words(changes(_set(work, before.settings), _set(work, work.decisive)))
        return Cause(changed, name) if changed else self._of_inputs(work, before)

    def _of_inputs(self, work: Work, before: Manifest) -> Cause:
        """The cause of the first input that is another one than before; else a parameter, or an input less."""
        named = {name: ref for name, ref in work.inputs.items() if before.inputs.get(name) != ref}
        others = [(ref, before.inputs.get(name)) for name, ref in named.items()]
        others += _in_pairs(work.members, before.members)
        causes = (self._cause(self.graph[ref], last) for ref, last in others if ref in self.graph)
        if (known := next((cause for cause in causes if cause.what != SAME), None)) is not None:
            return known
        if before.ref in named.values():
            return Cause(GOES_ON, work.maker.name)
        if others:
            return Cause(f"another input ({', '.join(named)})" if named else "another input", work.maker.name)
        changed = _without_names(before.settings, work.decisive)
        if changed is None:
            return Cause(NEW)
        return Cause(_in_words(changes(*changed)) or "fewer inputs", work.maker.name)

    def _manifest_before(self, work: Work, store: Store) -> Manifest | None:
        last = self._before.get(work.ref)
        return manifest_of(store, last) if last else None


def _in_pairs(members: Sequence[Ref], before: Sequence[Ref]) -> list[tuple[Ref, Ref | None]]:
    """The members that are other ones than before, each with the one in whose place it came; None: it is one more."""
    known, now = set(before), set(members)
    came = [ref for ref in members if ref not in known]
    gone = [ref for ref in before if ref not in now]
    return list(zip_longest(came, gone[: len(came)]))


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
        elif isinstance(before, list) and isinstance(after, list):
            yield from _of_lists(before, after, f"{prefix}{key}")
        else:
            yield _moved(before, after, f"{prefix}{key}")


def _set(work: Work, decisive: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among what decides, without the parameters: these follow from the inputs, mostly."""
    fields = () if work.settings is None else type(work.settings).model_fields
    return {name: value for name, value in decisive.items() if name in fields}


def _without_names(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """What decided then and now, without contents that are known by a digest, which tells nobody anything; None where
    only these differ: it is made of something else altogether."""
    named = {key for key in new if _is_name(new[key]) and _is_name(old.get(key))}
    before, after = ({key: value for key, value in each.items() if key not in named} for each in (old, new))
    return None if before == after and old != new else (before, after)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _in_words(changed: Iterable[str]) -> str:
    """The first three of them."""
    named = list(changed)
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if named[3:] else "")


def _of_lists(before: list[Any], after: list[Any], name: str) -> Iterator[str]:
    """What came into a list and what left it; of entries that differ in part, what differs in them."""
    gone = [entry for entry in before if entry not in after]
    came = [entry for entry in after if entry not in before]
    if not gone and not came:
        yield _moved(before, after, name)  # another order, or another number of the same
    for old in gone:
        new = next((entry for entry in came if _called(entry) == _called(old) is not None), None)
        if new is None:
            yield f"{name} -{_called(old) or _shown(old)}"
        else:
            came.remove(new)
            yield from changes(old, new, f"{name}[{after.index(new)}].")
    yield from (f"{name} +{_called(entry) or _shown(entry)}" for entry in came)


def _called(entry: Any) -> str | None:
    """The name of an entry that is a table of settings: of a source, a rule, a scheme."""
    if not isinstance(entry, Mapping):
        return None
    return next(
        (entry[field] for field in ("name", "source", "label", "kind") if isinstance(entry.get(field), str)), None
    )


def _moved(before: Any, after: Any, name: str) -> str:
    """Both values; where they begin alike for long, from where they differ."""
    old, new = _shown(before), _shown(after)
    if old == new:
        old, new = _from_difference(str(before), str(after))
    return f"{name} {old} -> {new}"


def _from_difference(old: str, new: str) -> tuple[str, str]:
    num_alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    at = max(0, num_alike - NUM_BEFORE)
    return f"...{_shown(old[at:])}", f"...{_shown(new[at:])}"


def _shown(value: Any) -> str:
    text = "off" if value is None else str(value)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."
