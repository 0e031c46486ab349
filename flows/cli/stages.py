"""`nightshift ingest` ... `nightshift register`: one stage by itself, without Prefect."""

from collections.abc import Callable

import typer

from flows.cli.options import Config, resolved

STAGES = {
    "ingest": "Take in what is new, changed or gone in the sources, as a new batch.",
    "clean": "Repair text, tell its language, judge its quality.",
    "dedup": "Drop exact and near duplicates, against all earlier batches too.",
    "scrub": "Replace personal data by keyed pseudonyms.",
    "tokenize": "Train the tokenizer once, write token shards and the snapshot.",
    "train": "Train on the snapshot: the trunk goes on, a decayed branch is the challenger.",
    "evaluate": "Measure the challenger on the held-out documents.",
    "quantize": "Make and check the int8 variant.",
    "register": "Put the challenger into the MLflow registry and let the gate judge it.",
}


def register(app: typer.Typer) -> None:
    """Add a command for each stage."""
    for stage, meaning in STAGES.items():
        app.command(stage, help=f"{meaning} Works on all batches, without Prefect.")(_command(stage))


def _command(stage: str) -> Callable[..., None]:
    def command(context: typer.Context, config: Config = None) -> None:
        from flows.single import run_stage

        run_stage(resolved(context, config).settings, stage)

    return command
