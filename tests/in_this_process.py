"""Command lines without a process of their own."""

from flows.cli import app
from flows.cli.options import without_settings


def run_here(*arguments: str) -> int:
    """A command line in this process: a new one loads for seconds."""
    words, settings = without_settings(arguments)
    return app(words, prog_name="nightshift", obj=settings, standalone_mode=False) or 0
