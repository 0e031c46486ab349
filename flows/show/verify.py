"""`nightshift verify`: what was read, what is damaged and where, and what became of it."""

from collections.abc import Mapping
from typing import Any

from flows.console import make_console
from flows.show.tables import lasting, print_json, table
from tasks.verify import Verified


def show_verified(found: Verified, told: Mapping[str, Any], *, is_dry: bool, as_json: bool) -> None:
    """The page: a line a kind, then each thing that was damaged."""
    if as_json:
        print_json({"is_dry_run": is_dry, **told})
        return
    console = make_console()
    shown = table("what", "read", "damaged", "healed")
    for column in shown.columns[1:]:
        column.justify = "right"
    for kind, count in found.round.read.items():
        own = [one for one in found.became if one.damage.kind == kind]
        shown.add_row(kind, f"{count:,}", str(len(own) or ""), str(sum(one.is_whole for one in own) or ""))
    if shown.row_count:
        console.print(shown)
    for one in found.became:
        console.print(f"\n{one.damage.name}: {one.damage.what}", style="" if one.is_whole else "bold", soft_wrap=True)
        for line in filter(None, ("" if one.place is None else str(one.place), one.became)):
            console.print(f"    {line}", soft_wrap=True)
    for note in found.notes:
        console.print(note, soft_wrap=True)
    console.print(f"{found.sentence}  ({lasting(found.seconds)})", style="bold", soft_wrap=True)
    if is_dry and found.stays:
        console.print("nightshift verify heals what can be", style="dim")
