"""Reports: the page of a refresh, and what the law wants to be told of training content."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import AsJson, Config, made, resolved, write_as_the_user_does

EU = "eu"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    context: typer.Context,
    what: str = typer.Argument(
        None,
        help="A day (2026-11-30), of which it is the newest page, or the name of one; or eu. Else the last refresh.",
    ),
    in_browser: bool = typer.Option(False, "--open", help="Open the page in the browser."),
    facts: Annotated[Path | None, typer.Option(help="For eu: a TOML file of what only you can say.")] = None,
    to: Annotated[Path | None, typer.Option(help="For eu: write NAME.md and NAME.json instead of printing.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Make the page of the last refresh, unless it is there, and print its path; or the public summary for the EU.

    The page says where documents came and went, how signals lie against their limits, what differs from the night
    before, and shows a few samples. It is one file, for your eyes: samples are shortened and without the personal data
    that is found, and names of people are not found.

    nightshift report eu writes the public summary of training content (EU AI Act, Article 53(1)(d)) and the fields of
    California's AB 2013, from what is counted and set. What only a person knows stays open, until --facts tells it.

    Examples: nightshift report --open   nightshift report eu --facts facts.toml --to summary
    """
    from pipeline_lib.base.errors import SettingsError
    from pipeline_lib.base.imports import arrow_without_pandas

    if what != EU and (facts or to or as_json):
        raise SettingsError("report: --facts, --to and --json are for nightshift report eu.")
    if what == EU and in_browser:
        raise SettingsError("report: --open is for the page of a refresh. nightshift report eu --to NAME writes files.")
    arrow_without_pandas()
    settings = resolved(context, config).settings
    workspace = made(settings)
    if what == EU:
        from flows.show.summary_eu import show_summary

        if to is not None:
            write_as_the_user_does()
        show_summary(settings, workspace, facts, to, as_json=as_json)
        return
    from flows.show.report import Order, make_page, page_named, told_by
    from pipeline_lib.report.records import page_that_stands

    path = page_named(workspace, what) if what else page_that_stands(workspace)
    path = path or make_page(Order(settings, told_by(workspace)))
    print(path)
    if in_browser and not webbrowser.open(path.as_uri()):
        raise SettingsError(f"report: no browser opens here. The page is {path}.")
