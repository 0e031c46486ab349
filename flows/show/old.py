"""Pages for people: plan, status, why, trace, config. They read and print; they change nothing."""

import json
import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from flows.console import make_console
from pipeline_lib.errors import SettingsError
from pipeline_lib.ledger import Decision, Story, urls_like, why
from pipeline_lib.plan.night import NightPlan, StepLines
from pipeline_lib.plan.reasons import Line
from pipeline_lib.settings import Resolved, Settings, explain
from pipeline_lib.state import RunRecord, Workspace

NIGHTS_SHOWN = 8
SUGGESTIONS = 5


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=heading in ("stage", "batch", "what", "started", "flow", "state", "setting"))
    return table


def show_plan(plan: NightPlan, *, all_shards: bool) -> None:
    """A line for each step, and one for each of its shards that is made."""
    console = make_console()
    for change in plan.changes:
        console.print(f"new: {change}")
    table = _table("stage", "batch", "what", "reuse or work", "why", "last time")
    for step in plan.steps:
        for row in _plan_rows(step, all_shards=all_shards):
            table.add_row(*row)
    console.print(table)
    todo = [line for step in plan.steps for line in step.work]
    seconds = sum(line.last_seconds or 0.0 for line in todo)
    if plan.is_nothing_new:
        console.print("\nNothing new: every stage is there already, and nothing would be trained.")
    else:
        console.print(f"\n{len(todo)} artifacts to make; the same took {seconds:.0f} s before. Run: nightshift run")


def _plan_rows(step: StepLines, *, all_shards: bool) -> Iterable[Sequence[str]]:
    work = step.work
    if not work and not all_shards:
        yield (step.step.stage, step.step.label, f"{len(step.lines)} artifacts", "reuse", "nothing changed", "")
        return
    for line in step.lines:
        if all_shards or line.action == "work":
            yield _plan_row(line, step.step.condition)
    reused = len(step.lines) - len(work)
    if reused and not all_shards:
        yield (step.step.stage, step.step.label, f"{reused} others", "reuse", "nothing changed", "")


def _plan_row(line: Line, condition: str) -> Sequence[str]:
    seconds = "" if line.last_seconds is None else f"{line.last_seconds:.1f} s"
    reason = f"{line.reason} ({condition})" if condition and line.action == "work" else line.reason
    return (line.stage, line.label, line.name, line.action, reason, seconds)


def show_status(settings: Settings, workspace: Workspace) -> None:
    """The last nights, what runs now, and the champion."""
    from flows.servers import standing

    console = make_console()
    runs = [run for run in workspace.runs() if run.flow in ("nightly", "refresh", "retrain")]
    if not runs:
        console.print(f"No night has run in {workspace.root} yet. Start one: nightshift run")
        return
    table = _table("started", "flow", "state", "took", "what came of it")
    for run in runs[-NIGHTS_SHOWN:]:
        table.add_row(*_run_row(run))
    console.print(table)
    _show_champion(settings, workspace, console)
    up = standing(workspace)
    if up is not None:
        console.print(f"\nPrefect  {up.prefect_url}\nMLflow   {up.mlflow_url}")
    else:
        console.print("\nnightshift up opens the Prefect and MLflow UIs", style="dim")


def _run_row(run: RunRecord) -> Sequence[str]:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    took = f"{(run.ended or time.time()) - run.started:.0f} s" if run.state != "killed" else ""
    message = f"in {run.stage or 'its start'} now" if run.state == "running" else run.message
    return (started, f"{run.flow} {run.profile}", run.state, took, message)


def _show_champion(settings: Settings, workspace: Workspace, console: Console) -> None:
    from pipeline_lib.register import stage as register
    from pipeline_lib.register.registry import CHAMPION, PREVIOUS, version_by_alias

    registry = register.registry_of(settings.register, workspace.root)
    moves = register.promotions(registry)
    if not moves:
        console.print("\nNo champion yet.")
        return
    champion, previous = version_by_alias(registry, CHAMPION), version_by_alias(registry, PREVIOUS)
    if champion is None:
        console.print(
            f"\n{registry.name} has no champion in MLflow; the last move on record was to version "
            f"{moves[-1].version}. Put it back: nightshift promote {moves[-1].version}"
        )
        return
    console.print(f"\nchampion  models:/{registry.name}@champion = version {champion.number}")
    console.print(f"previous  {'none' if previous is None else f'version {previous.number}'}")
    for name, value in sorted(champion.tags.items()):
        console.print(f"  {name.removeprefix('nightshift.'):<24} {value}", style="dim")
    last = moves[-1]
    console.print(f"last move {last.time}: {last.kind} to version {last.version}, {last.reason}")


def show_why(workspace: Workspace, document: str) -> int:
    """What each stage decided on a document; the exit status."""
    console = make_console()
    stories = why(workspace, document)
    if not stories:
        close = urls_like(workspace, document, SUGGESTIONS)
        advice = "\n  ".join(["Did you mean one of these?", *close]) if close else "See nightshift status."
        raise SettingsError(f"{document}: no document of this workspace has that URL or id. {advice}")
    for story in stories:
        _show_story(story, console)
    return 0


def _show_story(story: Story, console: Console) -> None:
    fetched = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(story.fetched))
    console.print(f"{story.url}  ({story.source})", style="bold")
    console.print(f"  id {story.document_id}   place {story.place}   batch {story.batch} shard {story.shard}")
    console.print(f"  ingest    taken in at {fetched}")
    for decision in story.decisions:
        _show_decision(decision, console)
    if story.withdrawn_by:
        console.print(f"  withdrawn by batch {story.withdrawn_by}: changed or gone at its source")


def _show_decision(decision: Decision, console: Console) -> None:
    outcome = "kept" if decision.is_kept else f"dropped: {decision.reason}"
    console.print(f"  {decision.stage:<9} {outcome}")
    for rule in decision.failed:
        console.print(f"            {rule['rule']}: {_number(rule['value'])}, limit {_number(rule['limit'])}")
    for name, value in decision.facts.items():
        console.print(f"            {name} = {_number(value)}", style="dim")


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def show_config(resolved: Resolved, *, is_explained: bool) -> None:
    """The resolved settings, plain or explained."""
    console = make_console()
    table = _table("setting", "value", "from", "unit", "meaning") if is_explained else _table("setting", "value")
    for line in explain(resolved):
        shown = json.dumps(line.value, ensure_ascii=False)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        row = (line.name, shown, line.origin, line.unit, line.meaning)
        table.add_row(*(row if is_explained else row[:2]))
    console.print(table)
