"""Servers and schedules: up and deploy."""

from pathlib import Path

import typer

from flows.cli.options import Config, resolved
from pipeline_lib.base.errors import SettingsError

MAX_PORT = 65_535


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(worker)
    app.command()(deploy)


def up(
    context: typer.Context,
    config: Config = None,
    prefect_port: int = typer.Option(
        4200, min=0, max=MAX_PORT, help="Port of the Prefect UI; another free one when it is taken."
    ),
    mlflow_port: int = typer.Option(
        5000, min=0, max=MAX_PORT, help="Port of the MLflow UI; another free one when it is taken."
    ),
    mlflow_login: bool | None = typer.Option(
        None,
        help="Whether MLflow asks for a password, which its printed link carries.",
        show_default="where other people have accounts on this machine",
    ),
    open_as: str | None = typer.Option(
        None,
        "--open",
        metavar="NAME",
        help="Let other machines in, who call this one NAME. Both UIs ask who they are; nothing is encrypted, so only "
        "in a network that you trust.",
    ),
    install: bool = typer.Option(
        False,
        "--install",
        help="Instead of starting, write a service of this user that does (systemd, launchd), for this workspace, "
        "folder, Python and these settings.",
    ),
    uninstall: bool = typer.Option(False, "--uninstall", help="Stop the service of this workspace, take it away."),
    enable: bool = typer.Option(False, "--enable", help="With --install: start it now and at each login."),
    dry_run: bool = typer.Option(False, "--dry-run", help="With --install, --uninstall: only say what that would be."),
) -> None:
    """Start Prefect, MLflow, a worker and the deployments on this machine, and stay until Ctrl-C.

    While it runs, `nightshift run` uses its servers, and the nightly schedule is kept. Each printed link opens its UI
    with one click; other users of this machine and other pages of your browser are not let in. A server that dies or
    hangs is started again.
    """
    settings = resolved(context, config).settings
    if install or uninstall:
        from flows.install import install as write
        from flows.install import uninstall as remove

        if install and uninstall:
            raise SettingsError("up: --install and --uninstall are two wishes. Leave one out.")
        if uninstall:
            remove(settings, dry_run=dry_run)
        else:
            write(settings, _words(context, config), enable=enable, dry_run=dry_run)
        return
    if enable or dry_run:
        raise SettingsError("up: --enable and --dry-run belong to --install. Say that too.")
    from flows.up import Wanted, stay_up

    stay_up(settings, Wanted(prefect_port, mlflow_port, open_as, mlflow_login))


def _words(context: typer.Context, config: Path | None) -> list[str]:
    """The words of this call that its service needs: whatever was said on the command line, and not how to install."""
    words = [] if config is None else ["--config", str(config.resolve() if config.exists() else config)]
    for name in ("prefect_port", "mlflow_port", "open_as", "mlflow_login"):
        value, source = context.params[name], context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        option = "--open" if name == "open_as" else f"--{name.replace('_', '-')}"
        words += [option if value else f"--no-{option[2:]}"] if isinstance(value, bool) else [option, str(value)]
    return words + [word for name, value in context.obj or () for word in (f"--{name}", value)]


def worker(
    healthcheck: bool = typer.Option(
        False, "--healthcheck", help="Answer at http://127.0.0.1:8080/health while it works, as containers want it."
    ),
) -> None:
    """Run the nights of the deployments on this machine, until Ctrl-C: a worker of the server of PREFECT_API_URL.

    For a server of your own; **nightshift up** brings one. Give it the key of the pseudonyms: it hands it to the nights
    and to nothing else.
    """
    from flows.servers import become_worker

    become_worker(healthcheck=healthcheck)


def deploy(context: typer.Context, config: Config = None) -> None:
    """Apply deployments/prefect.yaml: nightly and maintenance on their schedules; approval, refresh, retrain, promote
    and rollback, which somebody starts.

    Goes to the server of `nightshift up`, or to PREFECT_API_URL. As often as you like: it changes what differs.
    """
    from flows.deploy import deploy_all

    deploy_all(resolved(context, config).settings)
