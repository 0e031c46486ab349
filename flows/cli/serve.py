"""Servers and schedules: up and deploy."""

import typer

from flows.cli.options import Config, resolved


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(deploy)


def up(
    context: typer.Context,
    config: Config = None,
    prefect_port: int = typer.Option(4200, help="Port of the Prefect UI; another free one when it is taken."),
    mlflow_port: int = typer.Option(5000, help="Port of the MLflow UI; another free one when it is taken."),
) -> None:
    """Start Prefect, MLflow, a worker and the deployments on this machine, and stay until Ctrl-C.

    While it runs, `nightshift run` uses its servers, and the nightly schedule is kept.
    """
    from flows.up import stay_up

    stay_up(resolved(context, config).settings, prefect_port=prefect_port, mlflow_port=mlflow_port)


def deploy(context: typer.Context, config: Config = None) -> None:
    """Apply deployments/prefect.yaml: nightly on its schedule, refresh, retrain, promote, rollback.

    Goes to the server of `nightshift up`, or to PREFECT_API_URL. As often as you like: it changes what differs.
    """
    from flows.deploy import deploy_all

    deploy_all(resolved(context, config).settings)
