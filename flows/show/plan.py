"""`nightshift plan`: what a night would do, and why."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from flows.console import make_console
from flows.show.summary import passed_over
from flows.show.tables import lasting, print_json, table
from pipeline_lib.plan.night import NightPlan, StepLines
from pipeline_lib.plan.reasons import Line
from pipeline_lib.store.local import LIST, LISTS

BATCHES_SHOWN = 3  # reused batches of a stage that are shown one by one
NAMES_SHOWN = 3  # reused artifacts of a step that are named
SHARD = re.compile(r"shard (\d+)(?:: (.+))?")
Row = Sequence[str]


def show_plan(plan: NightPlan, *, all_shards: bool, as_json: bool) -> None:
    """The steps in their order; artifacts with the same fate share a line unless `all_shards`."""
    if as_json:
        print_json(_as_data(plan))
        return
    console = make_console()
    head = list(_head(plan))
    for name, text in head:
        console.print(f"{name:<12} {text}", style="bold" if name == "new" else "", soft_wrap=True)
    if head:
        console.print()
    shown = table("stage", "batch", "what", "do", "why", "last time")
    for row in _every_line(plan.steps) if all_shards else _folded(plan.steps):
        shown.add_row(*row, style="dim" if row[3] == "reuse" else "")
    console.print(shown)
    console.print(_total(plan), style="bold")


def _head(plan: NightPlan) -> Iterator[tuple[str, str]]:
    """What there is to say before the steps."""
    yield from (("new", change) for change in plan.changes)
    yield from (("note", note) for note in plan.notes)
    yield from (("passed over", line) for line in passed_over(plan.passed_over))
    if plan.num_closed:
        noun = "batch" if plan.num_closed == 1 else "batches"
        yield "closed", f"{plan.num_closed:,} {noun} of earlier nights: nobody looks at them"


def _as_data(plan: NightPlan) -> Mapping[str, Any]:
    lines = _lines(plan)
    todo = [line for line in lines if line.action == "work"]
    return {
        "changes": list(plan.changes),
        "notes": list(plan.notes),
        "passed_over": plan.passed_over,
        "num_closed": plan.num_closed,
        "asked_first": list(plan.asked_first),
        "is_nothing_new": plan.is_nothing_new,
        "num_artifacts": len(lines),
        "num_to_make": len(todo),
        "last_seconds": sum(line.last_seconds or 0.0 for line in todo),
        "steps": [
            {
                "stage": step.step.stage,
                "label": step.step.label,
                "condition": step.step.condition,
                "artifacts": [
                    {"maker": work.maker.id, **{k: v for k, v in asdict(line).items() if k not in ("stage", "label")}}
                    for work, line in zip(step.step.works, step.lines, strict=True)
                ],
            }
            for step in plan.steps
        ],
    }


def _lines(plan: NightPlan) -> list[Line]:
    return [line for step in plan.steps for line in step.lines]


def _total(plan: NightPlan) -> str:
    lines = _lines(plan)
    todo = [line for line in lines if line.action == "work"]
    if not todo and plan.asked_first:
        return f"\nNothing new so far. A night asks first: {', '.join(plan.asked_first)}. Do it: nightshift run"
    if not todo:
        return "\nNothing new: all that is wanted is there, and nothing would be trained."
    seconds, unknown = sum(line.last_seconds or 0.0 for line in todo), sum(line.last_seconds is None for line in todo)
    took = f"; the same took {lasting(seconds)} last time" if seconds else ""
    news = f" ({unknown:,} of them for the first time)" if unknown and seconds else ""
    return f"\n{len(todo):,} of {len(lines):,} artifacts to make{news}{took}. Do it: nightshift run"


def _every_line(steps: Sequence[StepLines]) -> Iterable[Row]:
    for step in steps:
        for line in step.lines:
            yield _row(step, [line])


def _folded(steps: Sequence[StepLines]) -> Iterable[Row]:
    for (stage, is_reused), group in groupby(steps, key=lambda step: (step.step.stage, not step.work)):
        together = list(group)
        if is_reused and len(together) > BATCHES_SHOWN:
            every = [line for step in together for line in step.lines]
            yield (stage, f"{len(together)} batches", f"{len(every)} artifacts", "reuse", _shared_reason(every), "")
            continue
        for step in together:
            yield from _rows_of(step)


def _rows_of(step: StepLines) -> Iterable[Row]:
    """A row for each fate of its artifacts. What only lists others is left out beside work that is more than that."""
    proper = [line for work, line in zip(step.step.works, step.lines, strict=True) if not _is_list(work.maker.schema)]
    if not step.work:
        what = what_of(proper) if len(proper) <= NAMES_SHOWN else f"all {len(step.lines)}"
        yield (step.step.stage, step.step.label, what, "reuse", _shared_reason(step.lines), "")
        return
    lines = proper if any(line.action == "work" for line in proper) else step.lines
    fates: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        fates.setdefault((line.action, line.reason), []).append(line)
    yield from (_row(step, same) for same in fates.values())


def _is_list(schema: str) -> bool:
    return schema in (LIST, LISTS)


def _shared_reason(lines: Sequence[Line]) -> str:
    reasons = {line.reason for line in lines}
    return reasons.pop() if len(reasons) == 1 else "nothing changed"


def _row(step: StepLines, lines: Sequence[Line]) -> Row:
    first = lines[0]
    condition = step.step.condition
    why = f"{first.reason} ({condition})" if condition and first.action == "work" else first.reason
    known = [line.last_seconds for line in lines if line.last_seconds is not None]
    return (first.stage, first.label, what_of(lines), first.action, why, lasting(sum(known)) if known else "")


def what_of(lines: Sequence[Line]) -> str:
    """The artifacts of some lines, in few words: "shards 0-6: text, signals; shard 2: terms; decisions"."""
    shards: dict[str, list[int]] = {}  # by what is made of them
    others: list[str] = []
    for line in lines:
        found = SHARD.fullmatch(line.name)
        if found is None:
            others.append(line.name)
        else:
            shards.setdefault(found[2] or "", []).append(int(found[1]))
    together: dict[str, list[str]] = {}
    for made, numbers in shards.items():
        together.setdefault(_ranges(numbers), []).append(made)
    parts = [ranges + (f": {', '.join(made)}" if any(made) else "") for ranges, made in together.items()]
    return "; ".join([*parts, *([", ".join(others)] if others else [])])


def _ranges(numbers: Sequence[int]) -> str:
    """ "shard 3", "shards 0-2, 5"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    text = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"shards {text}" if len(numbers) > 1 else f"shard {text}"
