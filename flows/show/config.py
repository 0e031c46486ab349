"""`nightshift config`: the resolved settings, as a file to use again or explained."""

from itertools import groupby

from flows.console import make_console
from flows.show.tables import table
from pipeline_lib.settings.text import Explained, as_toml, explain
from pipeline_lib.settings.tree import Resolved

HEAD = "# The resolved settings of this call. Save them and use them again: nightshift run --config FILE\n"
LONGEST_VALUE = 48


def show_config(resolved: Resolved) -> None:
    """A settings file."""
    print(HEAD + as_toml(resolved.settings), end="")


def explain_config(resolved: Resolved) -> None:
    """A table with a line for each value."""
    console = make_console()
    for section, lines in groupby(explain(resolved), key=_section):
        if section:
            console.print(f"\n{section}", style="bold")
        shown = table("setting", "value", "unit", "from", "meaning")
        shown.show_header = False
        for line in lines:
            origin = "" if line.origin == "default" else line.origin
            shown.add_row(line.name, _short(line.value), line.unit, origin or "default", line.meaning)
        console.print(shown)


def _section(line: Explained) -> str:
    head, _, rest = line.name.partition(".")
    return head.partition("[")[0] if rest else ""


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 3]}..."
