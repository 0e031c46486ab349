"""Looking without touching: status, why, trace, config."""

import typer

from flows.cli.options import ANY_SETTING, Config, resolved


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, why, trace, config):
        app.command(context_settings=ANY_SETTING)(command)


def status(context: typer.Context, config: Config = None) -> None:
    """Show the last nights, the champion and its scores, and what runs now."""
    from flows.show import show_status
    from pipeline_lib.state import Workspace

    settings = resolved(context, config).settings
    show_status(settings, Workspace(settings.workspace.resolve()))


def why(
    context: typer.Context,
    document: str = typer.Argument(help="URL of a document (numpy/linalg.py#solve) or its 32-digit id."),
    config: Config = None,
) -> None:
    """Show what each stage decided on a document, and on what values."""
    from flows.show import show_why
    from pipeline_lib.state import Workspace

    settings = resolved(context, config).settings
    raise typer.Exit(show_why(Workspace(settings.workspace.resolve()), document))


def trace(
    context: typer.Context,
    model: str = typer.Argument(None, help="Version number, alias (champion) or models:/NAME@ALIAS."),
    document: str = typer.Option(None, "--document", "-d", help="Show instead which models saw this document."),
    config: Config = None,
) -> None:
    """Walk from a model back to its snapshot, batches and documents; or from a document to the models that saw it."""
    from flows.show import show_trace
    from pipeline_lib.state import Workspace

    settings = resolved(context, config).settings
    raise typer.Exit(show_trace(settings, Workspace(settings.workspace.resolve()), model, document))


def config(
    context: typer.Context,
    config: Config = None,
    explain: bool = typer.Option(False, "--explain", help="With origin, unit and meaning of each setting."),
) -> None:
    """Show the resolved settings: the defaults, then FILE, environment and command line over them."""
    from flows.show import show_config

    show_config(resolved(context, config), is_explained=explain)
