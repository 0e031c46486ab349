"""`nightshift gc`: what went or would go, what waits, and why the rest stays."""

from typing import Any

from flows.console import make_console
from flows.show.tables import print_json, table
from pipeline_lib.settings.tree import Settings
from tasks.maintain import sentence_of


def show_gc(told: dict[str, Any], settings: Settings, *, is_dry: bool, as_json: bool) -> None:
    """The page: a line a kind."""
    if as_json:
        print_json({"is_dry_run": is_dry, **told})
        return
    console = make_console()
    shown = table("", "what", "number", "MB")
    for column in shown.columns[2:]:
        column.justify = "right"
    for word in ("goes", "waits", "stays"):
        for row in told[word]:
            shown.add_row(word, row["kind"], f"{row['count']:,}", f"{row['bytes'] / 1e6:,.1f}")
    if shown.row_count:
        console.print(shown)
    if told["waits"]:
        days = settings.maintenance.keep_days
        console.print(
            f"what waits goes once nothing has needed it for {days:g} days (maintenance.keep_days)", soft_wrap=True
        )
    console.print(sentence_of(told, is_dry=is_dry), style="bold", soft_wrap=True)
