"""Moving the champion: promote and rollback, approve and refuse."""

import typer

from flows.cli.options import Config, made, resolved


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(promote)
    app.command()(rollback)
    app.command()(approve)
    app.command()(refuse)


UNSIGNED = typer.Option(
    None,
    "--unsigned",
    metavar="VERSION",
    help="The version again, where it is signed by nobody who is trusted here and you want it all the same.",
)


def promote(
    context: typer.Context,
    version: int = typer.Argument(help="Version of the registered model that becomes champion."),
    reason: str = typer.Option("by hand", help="Why; kept in the ledger of promotions."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Check everything and say what would move; move nothing."),
    unsigned: int | None = UNSIGNED,
    config: Config = None,
) -> None:
    """Make a version the champion; the champion until now becomes `previous`.

    Its files and their signature are verified first. Versions of this workspace are signed with its own key;
    register.trusted_keys names the keys of others. One that nobody signed who is trusted is promoted only when it is
    named twice: nightshift promote 5 --unsigned 5
    """
    from flows.moves import promote_by_hand

    settings = resolved(context, config).settings
    made(settings, is_examined=True)
    promote_by_hand(settings, version, reason=reason, is_dry=dry_run, unsigned=unsigned)


def rollback(
    context: typer.Context,
    reason: str = typer.Option("by hand", help="Why; kept in the ledger of promotions."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Check everything and say what would move; move nothing."),
    unsigned: int | None = UNSIGNED,
    config: Config = None,
) -> None:
    """Put the previous champion back. Its files and their signature are verified first."""
    from flows.moves import rollback_by_hand

    settings = resolved(context, config).settings
    made(settings, is_examined=True)
    rollback_by_hand(settings, reason=reason, is_dry=dry_run, unsigned=unsigned)


WAITS = typer.Argument(None, help="The version that waits; nothing: whichever does.", show_default=False)


def approve(
    context: typer.Context,
    version: int | None = WAITS,
    dry_run: bool = typer.Option(False, "--dry-run", help="Check everything and say what would move; move nothing."),
    config: Config = None,
) -> None:
    """Promote the version that waits for a person.

    One waits where `register.approval` is "human", or where its figures are too good to be true: look at the gate's
    report in the Prefect UI first. Under nightshift up the run `approval` there asks by a form, too.
    """
    from flows.approvals import approve_by_hand

    settings = resolved(context, config).settings
    approve_by_hand(settings, made(settings), version, is_dry=dry_run)


def refuse(context: typer.Context, version: int | None = WAITS, config: Config = None) -> None:
    """Keep the champion; the version that waits for a person does not ask again."""
    from flows.approvals import refuse_by_hand

    settings = resolved(context, config).settings
    refuse_by_hand(settings, made(settings), version)
