"""Does a step help? Two short trainings, with it and without, and a third that shows what chance does."""

import typer

from flows.cli.options import AsJson, Config, made, resolved
from pipeline_lib.clean.rule_sets import DEFAULT, SETS
from pipeline_lib.clean.rules import RULES
from pipeline_lib.clean.steps import STEPS

NAMES = f"""Steps of texts: {", ".join(step.name for step in STEPS)}; rewrites.NAME, one rule of clean.rewrites.

Rules: {", ".join(rule.name for rule in RULES)}; rules, all that are on.

Sets of rules: {", ".join((DEFAULT, *(one.name.rpartition(".")[0] for one in SETS)))}.

Others: languages; models.NAME, the limit of a model's score; dedup.near, near duplicates."""

HELP = f"""Find out whether a step helps: train with and without it, a few hundred steps each, and compare.

Three kinds of text: with the step, without it, and the control, without it but less as many documents at random as it
takes out. On each, for each seed, a model is trained from scratch with the same number of steps, and measured on the
frozen benchmark of the workspace. The step helps where the first beats both others beyond the interval of the gate
(blocks of documents, and seeds). What is off now is tried switched on; settings by name hold for all arms.

Nights know nothing of it: it takes no lock of theirs, and lies in a folder of its own, which gc removes. After a kill
the same command goes on. What was made before is reused: another seed more costs its own trainings.

{NAMES}

Examples: nightshift ablate --step min_words.v1 --dry-run

nightshift ablate --step boilerplate.v1 --num-steps 400 --seeds 5

nightshift ablate --step dedup.near --train.hidden_size 64 --json"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(ablate)


def ablate(
    context: typer.Context,
    step: str = typer.Option(..., "--step", metavar="NAME", help="Which step; the names stand above."),
    num_steps: int = typer.Option(120, "--num-steps", min=10, help="Steps of each training (train.batch_rows rows)."),
    seeds: int = typer.Option(3, "--seeds", min=1, max=50, help="Trainings of each kind: train.seed and those behind."),
    batches: int = typer.Option(None, "--batches", min=1, help="Only the newest so many batches of the workspace."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be made, and about how long; make nothing."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """See HELP."""
    from pipeline_lib.base.imports import arrow_without_pandas

    arrow_without_pandas()
    from flows.ablate import Wish
    from flows.ablate import ablate as try_step
    from pipeline_lib.ablate.arms import Budget

    settings = resolved(context, config).settings
    wish = Wish(step, Budget(num_steps, seeds), batches)
    try_step(settings, made(settings), wish, is_dry=dry_run, as_json=as_json)
