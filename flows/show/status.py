"""`nightshift status`: the last nights, what runs now, and the champion with its scores."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from rich.console import Console

from flows.approvals import waiting_in
from flows.console import make_console
from flows.delivery import deliver
from flows.show.around import as_data, look_around, show_around
from flows.show.summary import score_tables
from flows.show.tables import clock, lasting, print_json, table
from flows.standing import links, recorded, standing
from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.model.records import CHAMPION, FROZEN, SCORES_FILE, Scores, read_scores
from pipeline_lib.past import made
from pipeline_lib.plan.verdict import CHAMPION_SCORES
from pipeline_lib.register.promotion import Promotion
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.step import manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.layout import has_worked
from pipeline_lib.store.workspace import RunRecord, Workspace
from tasks.runtime import NIGHTS

NIGHTS_SHOWN = 8

ScoresByName = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Champion:
    """The model in service, and how it came there."""

    version: int | None  # None: the registry has no champion any more
    previous: int | None  # what the alias says
    back: int | None  # whom a rollback puts back
    last_move: Promotion | None  # None: the ledger of promotions does not tell
    scores: ScoresByName  # by "champion, frozen-1"
    odd: Sequence[str] = ()  # where MLflow is not what the ledger says, and what puts it right


@dataclass(frozen=True)
class Measured:
    """What measured a model, and what came of it."""

    manifest: Manifest
    scores: Scores

    @property
    def benchmark(self) -> tuple[str, Ref | None]:
        """On which documents."""
        return self.scores.label, self.manifest.inputs.get("benchmark")


def show_status(settings: Settings, workspace: Workspace, *, as_json: bool) -> int:
    """The page; the exit status, which says whether the last night failed. What is kept for Prefect is told to it.

    MLflow is imported only where the registry is not the workspace's own, or a move was cut off.
    """
    up = standing(workspace)
    if up is not None:
        deliver(workspace, f"{up.prefect_url}/api")
    every = workspace.runs()
    runs = [run for run in every if run.flow in NIGHTS or run.state == "running"][-NIGHTS_SHOWN:]
    around = look_around(workspace, recorded(workspace), [run for run in every if run.flow in NIGHTS])
    champion = _champion(settings, workspace)
    waiting = waiting_in(settings, workspace)
    name = settings.of(RegisterSettings).model_name
    if as_json:
        print_json(
            {
                "workspace": str(workspace.root),
                "runs": [_as_data(run) for run in runs],
                **as_data(around),
                "model": name,
                "champion": None if champion is None else asdict(champion),
                "waiting": None if waiting is None else asdict(waiting),
                "servers": None if up is None else dict(zip(("prefect", "mlflow"), links(up, workspace), strict=True)),
            }
        )
        return around.exit_status
    console = make_console()
    _show_runs(runs, workspace, console)
    show_around(around, console)
    show_champion(name, champion, console)
    if waiting is not None:
        version, answers = waiting.version, ("approve", "refuse")
        console.print(f"\nversion {version} waits for a person: {waiting.reason}", style="bold", soft_wrap=True)
        console.print(f"          {' or '.join(f'nightshift {word} {version}' for word in answers)}")
    if up is None:
        console.print("\nnightshift up opens the Prefect and MLflow UIs", style="dim")
    else:
        console.print("\nPrefect  {}\nMLflow   {}".format(*links(up, workspace)), soft_wrap=True)
    return around.exit_status


def _as_data(run: RunRecord) -> dict[str, Any]:
    """A run as far as programs ask for it: not all that its night found."""
    names = ("run_id", "flow", "profile", "state", "stage", "started", "ended", "process_id", "flow_run_id")
    verdict = None if run.summary is None else run.summary.get("verdict")
    return {**{name: getattr(run, name) for name in names}, "message": run.message, "verdict": verdict}


def _show_runs(runs: Sequence[RunRecord], workspace: Workspace, console: Console) -> None:
    shown = table("started", "run", "state", "took", "what came of it")
    for run in runs:
        shown.add_row(*_row(run), style="bold" if run.state == "running" else "")
    if runs:
        console.print(shown)
    elif has_worked(workspace.root):
        console.print(
            f"No night is on record in {workspace.root}. What was made there stands; the next night goes on from it: "
            "nightshift run",
            soft_wrap=True,
        )
    else:
        console.print(f"No night has run in {workspace.root} yet. Start one: nightshift run", soft_wrap=True)


def _row(run: RunRecord) -> Sequence[str]:
    now = time.time()
    took = "" if run.state == "killed" else lasting((run.ended or now) - run.started)
    if run.state != "running":
        return (clock(run.started), f"{run.flow} {run.profile}", run.state, took, run.message)
    since = run.stage_started or run.started
    place = f"in {run.stage or 'its start'} since {clock(since)[-5:]} ({lasting(now - since)})"
    return (clock(run.started), f"{run.flow} {run.profile}", run.state, took, f"{place}, process {run.process_id}")


def _champion(settings: Settings, workspace: Workspace) -> Champion | None:
    """The champion of the registry; None when no model was promoted yet. The ledger may be lost: MLflow knows."""
    from pipeline_lib.register import stage as register
    from pipeline_lib.register.registry import PREVIOUS

    registry = register.registry_of(settings.of(RegisterSettings), workspace.root)
    moves = register.moves_of(registry)
    if not moves and next(workspace.store.list(register.VERSION.name), None) is None:
        return None
    seen, odd = register.look(registry, now=datetime.now(UTC))
    champion, previous = (
        number if (number := seen.aliases.get(alias)) in seen.models else None for alias in (CHAMPION, PREVIOUS)
    )
    moves = register.moves_of(registry)
    if champion is None and not moves and not odd:
        return None
    return Champion(
        version=champion,
        previous=previous,
        back=register.rollback_target(seen, moves),
        last_move=moves[-1] if moves else None,
        scores={} if champion is None else scores_of(workspace, seen.models[champion]),
        odd=odd,
    )


def show_champion(name: str, champion: Champion | None, console: Console) -> None:
    """Who is in service and since when, what a rollback would do, and the scores."""
    if champion is None:
        console.print(f"\n{name} has no champion yet.")
        return
    if champion.version is None:
        console.print(f"\n{name} has no champion in MLflow.")
        _show_odd(champion, console)
        return
    move = champion.last_move
    back = champion.back
    roll = "nothing to roll back to" if back is None else f"nightshift rollback puts version {back} back"
    console.print(f"\nchampion  models:/{name}@champion is version {champion.version}; {roll}", style="bold")
    if move is None:
        console.print("          how it came there is not on record")
    else:
        console.print(f"          {move.kind} to version {move.version} at {move.time}: {move.reason}")
    _show_odd(champion, console)
    for shown in score_tables(champion.scores):
        console.print()
        console.print(shown)


def _show_odd(champion: Champion, console: Console) -> None:
    for text in champion.odd:
        console.print(f"          {text}", soft_wrap=True)


def scores_of(workspace: Workspace, model: str) -> ScoresByName:
    """The newest scores of a model on each benchmark, the frozen one first, as far as there are any.

    It was measured as a challenger in its own night, and as the champion in later ones.
    """
    every = list(_measured(workspace, model))
    newest = {measured.scores.benchmark: measured for measured in reversed(every)}
    return {
        f"{CHAMPION}, {found.scores.label}": {
            **found.scores.figures,
            "candidate": CHAMPION,
            "unigram_bits_per_byte": _base_line(workspace, found, every),
        }
        for found in sorted(newest.values(), key=lambda found: found.scores.benchmark != FROZEN)
    }


def _base_line(workspace: Workspace, found: Measured, every: Sequence[Measured]) -> float | None:
    """Bits per byte of token frequencies alone. A champion is measured without: the figure stands in what it was
    measured by in its own night, or else in what the challenger beside it was, on the same benchmark."""
    beside = _measured(workspace, str(found.manifest.settings.get("beside", "")))
    alike = (other.scores for other in chain(every, beside) if other.benchmark == found.benchmark)
    known = (scores.unigram_bits_per_byte for scores in alike if scores.unigram_bits_per_byte is not None)
    return next(known, None)


def _measured(workspace: Workspace, model: str) -> Iterator[Measured]:
    """The measurements of a model itself, not of its variants, as far as they are there; the newest first."""
    refs = [ref for maker in (SCORES, CHAMPION_SCORES) for ref in made.scores_of(workspace, model, maker.name)]
    manifests = [manifest for ref in refs if (manifest := manifest_of(workspace.store, ref)) is not None]
    for manifest in sorted(manifests, key=lambda found: -found.created):
        path = made.opened(workspace.store, manifest.ref, SCORES_FILE)
        if path is not None:
            yield Measured(manifest, read_scores(path))
