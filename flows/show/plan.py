"""`nightshift plan`: what a night would do, and why."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from flows.console import make_console
from flows.show.tables import lasting, table
from pipeline_lib.plan.night import NightPlan, StepLines
from pipeline_lib.plan.reasons import Line

BATCHES_SHOWN = 3  # reused batches of a stage that are shown one by one
Row = Sequence[str]


def show_plan(plan: NightPlan, *, all_shards: bool) -> None:
    """The steps in their order; shards with the same fate share a line unless `all_shards`."""
    console = make_console()
    for change in plan.changes:
        console.print(f"new  {change}", style="bold")
    shown = table("stage", "batch", "what", "do", "why", "last time")
    for row in _every_line(plan.steps) if all_shards else _folded(plan.steps):
        shown.add_row(*row, style="dim" if row[3] == "reuse" else "")
    console.print(shown)
    console.print(_total(plan), style="bold")


def _total(plan: NightPlan) -> str:
    lines = [line for step in plan.steps for line in step.lines]
    todo = [line for line in lines if line.action == "work"]
    if not todo:
        return f"\nNothing new: all {len(lines)} artifacts are there, and nothing would be trained."
    seconds, unknown = sum(line.last_seconds or 0.0 for line in todo), sum(line.last_seconds is None for line in todo)
    took = f"; the same took {lasting(seconds)} last time" if seconds else ""
    news = f" ({unknown} of them for the first time)" if unknown and seconds else ""
    return f"\n{len(todo)} of {len(lines)} artifacts to make{news}{took}. Do it: nightshift run"


def _every_line(steps: Sequence[StepLines]) -> Iterable[Row]:
    for step in steps:
        for line in step.lines:
            yield _row(step, [line])


def _folded(steps: Sequence[StepLines]) -> Iterable[Row]:
    for (stage, is_reused), group in groupby(steps, key=lambda step: (step.step.stage, not step.work)):
        together = list(group)
        if is_reused and len(together) > BATCHES_SHOWN:
            num = sum(len(step.lines) for step in together)
            yield (stage, f"{len(together)} batches", f"{num} artifacts", "reuse", "nothing changed", "")
            continue
        for step in together:
            yield from _rows_of(step)


def _rows_of(step: StepLines) -> Iterable[Row]:
    if not step.work:
        num = len(step.lines)
        what = step.lines[0].name if num == 1 else f"all {num}"
        yield (step.step.stage, step.step.label, what, "reuse", "nothing changed", "")
        return
    for _, lines in groupby(step.lines, key=lambda line: (line.action, line.reason)):
        yield _row(step, list(lines))


def _row(step: StepLines, lines: Sequence[Line]) -> Row:
    first = lines[0]
    condition = step.step.condition
    why = f"{first.reason} ({condition})" if condition and first.action == "work" else first.reason
    known = [line.last_seconds for line in lines if line.last_seconds is not None]
    return (first.stage, first.label, _name(lines), first.action, why, lasting(sum(known)) if known else "")


def _name(lines: Sequence[Line]) -> str:
    """Of neighbours with the same fate: "shards 0-6, batch"."""
    shards = [line.name.removeprefix("shard ") for line in lines if line.name.startswith("shard ")]
    others = [line.name for line in lines if not line.name.startswith("shard ")]
    folded = [f"shards {shards[0]}-{shards[-1]}"] if len(shards) > 1 else [f"shard {shard}" for shard in shards]
    return ", ".join([*folded, *others])
