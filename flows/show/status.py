"""`nightshift status`: the last nights, what runs now, and the champion with its scores."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from flows.console import make_console, scores_table
from flows.servers import standing
from flows.show.tables import clock, lasting, table
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import RunRecord, Workspace

NIGHTS_SHOWN = 8
WHOLE_RUNS = ("nightly", "refresh", "retrain")


def show_status(settings: Settings, workspace: Workspace) -> None:
    """The page. MLflow is asked, and imported, only when a model was promoted some time."""
    console = make_console()
    every = workspace.runs()
    runs = [run for run in every if run.flow in WHOLE_RUNS or run.state == "running"]
    shown = table("started", "run", "state", "took", "what came of it")
    for run in runs[-NIGHTS_SHOWN:]:
        shown.add_row(*_row(run), style="bold" if run.state == "running" else "")
    if runs:
        console.print(shown)
    else:
        console.print(f"No night has run in {workspace.root} yet. Start one: nightshift run")
    _show_champion(settings, workspace, console)
    _show_servers(workspace, console)


def _row(run: RunRecord) -> Sequence[str]:
    now = time.time()
    took = "" if run.state == "killed" else lasting((run.ended or now) - run.started)
    if run.state != "running":
        return (clock(run.started), f"{run.flow} {run.profile}", run.state, took, run.message)
    since = run.stage_started or run.started
    place = f"in {run.stage or 'its start'} since {clock(since)[-5:]} ({lasting(now - since)})"
    return (clock(run.started), f"{run.flow} {run.profile}", run.state, took, f"{place}, process {run.process_id}")


def _show_servers(workspace: Workspace, console: Console) -> None:
    up = standing(workspace)
    if up is None:
        console.print("\nnightshift up opens the Prefect and MLflow UIs", style="dim")
    else:
        console.print("\nPrefect  {}\nMLflow   {}".format(*up.pages))


def _show_champion(settings: Settings, workspace: Workspace, console: Console) -> None:
    from pipeline_lib.register import stage as register
    from pipeline_lib.register.registry import CHAMPION, PREVIOUS, version_by_alias

    registry = register.registry_of(settings.of(RegisterSettings), workspace.root)
    moves = [move for move in register.promotions(registry) if move.name == registry.name]
    if not moves:
        console.print(f"\n{registry.name} has no champion yet.")
        return
    champion, previous = version_by_alias(registry, CHAMPION), version_by_alias(registry, PREVIOUS)
    if champion is None:
        last = moves[-1].version
        console.print(
            f"\n{registry.name} has no champion in MLflow; the last move on record was to version {last}. "
            f"Put it back: nightshift promote {last}"
        )
        return
    last_move = moves[-1]
    back = "nothing to roll back to" if previous is None else f"nightshift rollback puts version {previous.number} back"
    console.print(f"\nchampion  models:/{registry.name}@champion is version {champion.number}; {back}", style="bold")
    console.print(f"          {last_move.kind} to version {last_move.version} at {last_move.time}: {last_move.reason}")
    scores = scores_of(workspace, champion.model_fingerprint)
    if scores is not None:
        console.print()
        console.print(scores_table({"champion": scores}))


def scores_of(workspace: Workspace, model: str) -> Mapping[str, Any] | None:
    """The newest scores of a model, as far as the workspace has any."""
    from pipeline_lib.evaluate.stage import SCORES_FILE
    from pipeline_lib.store.artifact import MANIFEST, read_manifest
    from pipeline_lib.store.files import read_json

    every = [read_manifest(path.parent) for path in (workspace.store.root / "evaluate").glob(f"[0-9a-f]*/{MANIFEST}")]
    own = [found for found in every if found.inputs[0] == model and found.settings["backend"] == "torch"]
    if not own:
        return None
    newest = max(own, key=lambda found: float(found.made.get("created", 0.0)))
    scores: Mapping[str, Any] = read_json(workspace.store.path("evaluate", newest.fingerprint) / SCORES_FILE)
    return scores
