"""Looking without touching: status, why, try, trace, export, config."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.options import AsJson, Config, opened, resolved, write_as_the_user_does

AllowPrivate = Annotated[
    list[str] | None,
    typer.Option("--allow-private", help="With an address: a host that may be private, as in localhost:8000."),
]
DOCUMENT = "URL of a document (numpy/linalg/_linalg.py#solve) or its 32-digit id"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (status, why, trace, export, config):
        app.command()(command)
    app.command("try")(try_document)


def status(context: typer.Context, as_json: AsJson = False, config: Config = None) -> None:
    """Show the last nights, when the next one starts, who is at work since when, the champion and its scores.

    The exit status is 7 when the last night that has ended failed or was killed; a model that was refused, or a night
    that was stopped by hand, is no failure.
    """
    from flows.show.status import show_status

    settings = resolved(context, config).settings
    raise typer.Exit(show_status(settings, opened(settings), as_json=as_json))


def why(
    context: typer.Context,
    document: str = typer.Argument(help=f"{DOCUMENT}; or the place of a record that could not be read."),
    all_values: bool = typer.Option(False, "--all", help="With all values the stages looked at."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show what each stage decided on a document, and on what values.

    Example: nightshift why numpy/linalg/_linalg.py#solve
    """
    from flows.show.why import show_why
    from pipeline_lib.ingest.settings import IngestSettings

    settings = resolved(context, config).settings
    sources = settings.of(IngestSettings).sources
    show_why(opened(settings), document, all_values=all_values, as_json=as_json, sources=sources)


def try_document(
    context: typer.Context,
    file: str = typer.Argument(
        help="A file of any kind that a source reads, or the address of a page; - for what comes on standard input."
    ),
    record: int = typer.Option(1, "--record", min=1, help="Which of its records, from 1."),
    text: bool = typer.Option(False, "--text", help="Print what becomes of the text, and nothing else."),
    contact: str = typer.Option(
        None, "--contact", help="With an address: where its owner reaches you. Of a crawl source, if there is one."
    ),
    allow_private: AllowPrivate = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show what a night would do with one document: what clean and scrub change, its figures against all limits, and
    what dedup finds of it among the documents that are there.

    A page is asked for as the crawler does: robots.txt and reservations are obeyed, private addresses are refused
    unless they are allowed, and size and time are bounded. Nothing is kept.

    Examples: nightshift try page.html   nightshift try corpus.jsonl --record 7 --clean.rules.min_words.v1.at_least 20

    nightshift try https://example.org/page --contact you@example.org
    """
    from flows.show.trial import show_trial
    from pipeline_lib.plan.trial_page import Web

    settings, web = resolved(context, config).settings, Web(contact, tuple(allow_private or ()))
    show_trial(settings, file, record, web, only_text=text, as_json=as_json)


def trace(
    context: typer.Context,
    model: str = typer.Argument(None, help="Version, alias or models:/NAME@ALIAS; the champion when it is left out."),
    document: str = typer.Option(None, "--document", "-d", help=f"Show instead which models learned it: {DOCUMENT}."),
    all_documents: bool = typer.Option(False, "--all", help="List the documents that its steps read."),
    step: int = typer.Option(None, "--step", help="List those of one step, counted from 1 over trunk and branch."),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Walk from a model back to its snapshot, batches and documents; or from a document to the models that learned it.

    Examples: nightshift trace 3   nightshift trace models:/nightshift-demo@previous

    nightshift trace --document rich.dist-info/METADATA
    """
    from flows.show.trace import Steps, show_document, show_model
    from pipeline_lib.base.errors import SettingsError

    if sum([document is not None, all_documents, step is not None]) > 1:
        raise SettingsError("trace: --document, --all and --step ask three questions. Ask one at a time.")
    if document is not None and model is not None:
        raise SettingsError("trace: --document looks at all models. Leave MODEL out, or ask for MODEL --all.")
    settings = resolved(context, config).settings
    workspace = opened(settings)
    if document is None:
        show_model(settings, workspace, model, Steps(all_documents, step), as_json=as_json)
    else:
        show_document(settings, workspace, document, as_json=as_json)


def export(
    context: typer.Context,
    to: Annotated[Path, typer.Option(help="Folder to write into: one that is empty, or not there yet.")],
    only: Literal["texts", "tokens", "segments"] = typer.Option(
        None, "--only", help="One kind; texts and tokens when it is left out."
    ),
    segment_chars: tuple[int, int] = typer.Option(
        None, "--segment-chars", help="The texts in segments, too: at least and at most so many characters each."
    ),
    config: Config = None,
) -> None:
    """Write the scrubbed texts and the tokens of the newest snapshot into a folder that Hugging Face `datasets` opens.

    Example: nightshift export --to corpus; then in Python: datasets.load_dataset("corpus/texts")

    No segment ends inside a sentence. What is held out is the split `test`. What of the snapshot is damaged is made
    again first; else nothing in the workspace changes.
    """
    from flows.export import export_newest

    write_as_the_user_does()
    settings = resolved(context, config).settings
    export_newest(settings, opened(settings), to, only, segment_chars)


def config(
    context: typer.Context,
    config: Config = None,
    explain: bool = typer.Option(False, "--explain", help="Each setting with its origin, unit and meaning."),
) -> None:
    """Show the resolved settings: the defaults, then FILE, then environment, then command line over them.

    Without --explain this is a settings file again: nightshift config --train.max_steps 500 > mine.toml

    In the environment clean.max_html_tags is NIGHTSHIFT_CLEAN__MAX_HTML_TAGS.
    """
    from flows.show.config import explain_config, show_config

    show = explain_config if explain else show_config
    show(resolved(context, config))
