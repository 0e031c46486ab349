"""Moving the champion: promote and rollback."""

import typer

from flows.cli.options import Config, resolved


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(promote)
    app.command()(rollback)


def promote(
    context: typer.Context,
    version: int = typer.Argument(help="Version of the registered model that becomes champion."),
    reason: str = typer.Option("by hand", help="Why; kept in the ledger of promotions."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Check everything and say what would move; move nothing."),
    config: Config = None,
) -> None:
    """Make a version the champion; the champion until now becomes `previous`. Its files are verified first."""
    from flows.moves import promote_by_hand

    promote_by_hand(resolved(context, config).settings, version, reason=reason, is_dry=dry_run)


def rollback(
    context: typer.Context,
    reason: str = typer.Option("by hand", help="Why; kept in the ledger of promotions."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Check everything and say what would move; move nothing."),
    config: Config = None,
) -> None:
    """Put the previous champion back."""
    from flows.moves import rollback_by_hand

    rollback_by_hand(resolved(context, config).settings, reason=reason, is_dry=dry_run)
