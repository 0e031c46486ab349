"""A whole night, and what it would be; what nights leave, whether it is whole and all is well; what must go."""

import shlex

import typer

from flows.cli.options import AsJson, Config, made, opened, resolved
from pipeline_lib.settings.tree import OF_NO_SECTION


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(plan)
    app.command()(gc)
    app.command()(compact)
    app.command()(verify)
    app.command()(doctor)
    app.command()(forget)


def run(context: typer.Context, config: Config = None) -> None:
    """Run a whole night now: refresh the data, train, measure, register, and promote if the model is better.

    What is there already is reused; after a kill the same command goes on where it was. Uses the servers of
    `nightshift up` when they run, else brings its own for the time of the night.

    Example: nightshift run --config deployments/configs/small.toml --train.budget_minutes 10
    """
    from flows.launch import launch_nightly

    settings = resolved(context, config).settings
    raise typer.Exit(launch_nightly(settings))


def plan(
    context: typer.Context,
    config: Config = None,
    all_shards: bool = typer.Option(False, "--all", help="A line for each artifact, also for those that are reused."),
    as_json: AsJson = False,
) -> None:
    """Show what a night would do, and why; nothing is run.

    For each batch and stage: reuse or work, the reason, and how long it took last time.
    """
    from flows.show.plan import show_plan
    from pipeline_lib.base.imports import arrow_without_pandas
    from pipeline_lib.plan.night import plan_night

    arrow_without_pandas()
    settings = resolved(context, config).settings
    workspace = opened(settings)
    show_plan(plan_night(settings, workspace), all_shards=all_shards, as_json=as_json)


def gc(
    context: typer.Context,
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would go and why the rest stays; remove nothing."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Remove what nothing needs any more: artifacts, work folders, old runs in Prefect and MLflow, full logs.

    What the next night reads stays, and each version in MLflow with what trace asks of it, and the newest trainings
    (--maintenance.keep_nights). The rest goes once nothing has needed it for --maintenance.keep_days. A version that
    you delete in MLflow frees its model. Where it cannot be told what is needed, nothing is removed.

    Examples: nightshift gc --dry-run   nightshift gc --maintenance.keep_days 0
    """
    from flows.gc import collect_garbage
    from pipeline_lib.base.imports import arrow_without_pandas

    arrow_without_pandas()
    settings = resolved(context, config).settings
    collect_garbage(settings, made(settings), is_dry=dry_run, as_json=as_json)


def compact(
    context: typer.Context,
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be written anew; change nothing."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Put small token shards together, and drop the tokens of documents that were withdrawn or edited.

    Maintenance does it once a week. Models, snapshots, trace and the next night are the same before and after: shards
    keep their names, and are only found elsewhere. What was written anew is not removed at once: `nightshift gc` does
    that, once nothing has needed it for --maintenance.keep_days.

    Examples: nightshift compact --dry-run   nightshift compact --json
    """
    from flows.compact import compact_shards
    from pipeline_lib.base.imports import arrow_without_pandas

    arrow_without_pandas()
    settings = resolved(context, config).settings
    compact_shards(settings, made(settings), is_dry=dry_run, as_json=as_json)


def verify(
    context: typer.Context,
    dry_run: bool = typer.Option(False, "--dry-run", help="Read everything and say what is damaged; heal nothing."),
    again: bool = typer.Option(False, "--again", help="From the start, where an earlier call was cut off, too."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Read all that the workspace keeps, compare it with its digests, and heal what is damaged.

    Artifacts, versions in MLflow, databases, checkpoints, state. Takes as long as reading all of it; a call that is
    stopped, or killed, goes on where it was the next time. While a night is at work it reads all the same, and heals
    the next time.

    What is damaged is made again, put back from what is whole, or removed where nothing needs it; what cannot be healed
    is named with its place and what to do. The exit status is 3 while something is damaged. Once a week `nightshift up`
    does a part of it: --maintenance.verify_minutes.

    Examples: nightshift verify --dry-run   nightshift verify --again
    """
    from flows.verify import verify_all
    from pipeline_lib.base.imports import arrow_without_pandas
    from tasks.verify import Wish

    arrow_without_pandas()
    settings = resolved(context, config).settings
    raise typer.Exit(verify_all(settings, made(settings), Wish(dry_run, again), as_json=as_json))


def doctor(
    context: typer.Context,
    fix: bool = typer.Option(False, "--fix", help="Put right what is safe: rights, records of killed runs, leftovers."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Examine the workspace and this machine; each thing that is wrong comes with the command that puts it right.

    Packages against the lock, disk and memory against the next night, processors against --train.threads, the clock,
    the key, permissions, databases, the registry, stuck runs, the schedule, damage, files of others. Takes seconds, and
    needs no server. Without --fix it changes nothing. `nightshift verify` reads the files themselves.

    The exit status is 8 where there is an error: something that keeps nights from their work, or is lost. Warnings
    alone leave it 0.

    Examples: nightshift doctor   nightshift doctor --fix --json
    """
    from flows.show.doctor import show_doctor
    from pipeline_lib.base.imports import arrow_without_pandas

    arrow_without_pandas()
    settings = resolved(context, config).settings
    given = [("config", str(config))] if config else []
    given += [pair for pair in context.obj or () if pair[0] in OF_NO_SECTION]
    words = shlex.join(word for name, value in given for word in (f"--{name}", value))
    raise typer.Exit(show_doctor(settings, opened(settings, is_examined=True), words, is_fixing=fix, as_json=as_json))


def forget(
    context: typer.Context,
    document: str = typer.Argument(help="URL of the document (numpy/linalg/_linalg.py#solve) or the id of a version."),
    source: str = typer.Option(None, "--source", help="Which source, where several have a document of that URL."),
    now: bool = typer.Option(False, "--now", help="Take it out of all that is there in this command."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be forgotten; change nothing."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Forget a document for good: all its versions, in every layer, and never take it in again.

    At once it leaves the benchmarks, and all that is made from now on: snapshots, trainings, exports. With --now, or
    with the next maintenance, it leaves what is there: texts, tokens, ledgers, indexes, old snapshots. What stays in
    its place is a keyed hash that names nobody. A certificate in the workspace says what was removed, and what remains:
    models that have learned it, which are tagged in MLflow, and copies that lie elsewhere. Delete it at its source too.

    Examples: nightshift forget rich.dist-info/METADATA --dry-run

    nightshift forget rich.dist-info/METADATA --now
    """
    from flows.forget import forget_document
    from pipeline_lib.base.imports import arrow_without_pandas

    arrow_without_pandas()
    settings = resolved(context, config).settings
    forget_document(
        settings, made(settings), document, source, is_now=now, is_dry=dry_run, is_sure=yes, as_json=as_json
    )
