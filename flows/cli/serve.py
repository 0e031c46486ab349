"""Servers and schedules: up and deploy."""

import typer

from flows.cli.options import Config, resolved


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(worker)
    app.command()(deploy)


def up(
    context: typer.Context,
    config: Config = None,
    prefect_port: int = typer.Option(4200, help="Port of the Prefect UI; another free one when it is taken."),
    mlflow_port: int = typer.Option(5000, help="Port of the MLflow UI; another free one when it is taken."),
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
) -> None:
    """Start Prefect, MLflow, a worker and the deployments on this machine, and stay until Ctrl-C.

    While it runs, `nightshift run` uses its servers, and the nightly schedule is kept. Each printed link opens its UI
    with one click; other users of this machine and other pages of your browser are not let in.
    """
    from flows.up import Wanted, stay_up

    stay_up(resolved(context, config).settings, Wanted(prefect_port, mlflow_port, open_as, mlflow_login))


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
    """Apply deployments/prefect.yaml: nightly and maintenance on their schedules, refresh, retrain,
    promote, rollback.

    Goes to the server of `nightshift up`, or to PREFECT_API_URL. As often as you like: it changes what differs.
    """
    from flows.deploy import deploy_all

    deploy_all(resolved(context, config).settings)
