"""What a person at a terminal sees of a night: a line for each step that ended, a bar for the one at work, an end."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline_lib.work import StepResult

LONG_LINE = 200


def make_console() -> Console:
    """The terminal; a file or pipe gets lines as long as they are."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=LONG_LINE)


class ConsoleReporter:
    """Draws on a terminal; on anything else it writes plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or make_console()
        self._bars = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._bar = self._bars.add_task("", total=None, note="", visible=False)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(text, style="dim")

    def started(self, stage: str, label: str) -> None:
        """Show that a step is at work."""
        self._bars.reset(self._bar, total=None, visible=True, description=f"{stage:<9} {label}", note="")

    def progress(self, done: float, total: float, note: str) -> None:
        """Move its bar."""
        self._bars.update(self._bar, completed=done, total=total or None, note=f"{done:.0f}/{total:.0f} {note}")

    def finished(self, stage: str, label: str, result: StepResult) -> None:
        """Write the line of a step that ended."""
        self._bars.update(self._bar, visible=False)
        how = "cached" if result.is_cached else f"{result.seconds:6.1f} s"
        reused = f", {result.num_reused} reused" if result.num_reused and not result.is_cached else ""
        self.console.print(f"  {stage:<9} {label:<28} {_counts(stage, result):<34} {how:>9}{reused}")

    def summary(self, result: Mapping[str, Any], *, seconds: float, standing: bool) -> None:
        """What the night came to, and where to look."""
        self._funnel(result["refresh"])
        self._scores(result["scores"])
        self.console.print(f"\n{result['verdict']}  ({seconds:.1f} s)", style="bold")
        where = "both UIs are open (nightshift up)" if standing else "nightshift up   opens the Prefect and MLflow UIs"
        self.console.print(f"\n{where}\nnightshift status   nightshift plan   nightshift why URL", style="dim")

    def _funnel(self, refresh: Mapping[str, Any]) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("stage", "in", "kept", "why the rest went"):
            table.add_column(heading, justify="right" if heading in ("in", "kept") else "left")
        for row in refresh["stages"]:
            why = ", ".join(f"{reason} {count:,}" for reason, count in list(row["dropped"].items())[:6])
            table.add_row(row["stage"], f"{row['rows_in']:,}", f"{row['rows_out']:,}", why or "-")
        self.console.print()
        self.console.print(table)
        for change in refresh["changes"]:
            self.console.print(f"new: {change}")

    def _scores(self, scores: Mapping[str, Mapping[str, Any]]) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("bits per byte on held-out text", "value", "95 % interval", "MB"):
            table.add_column(heading, justify="left" if heading.startswith("bits") else "right")
        unigram = next(iter(scores.values()))["unigram_bits_per_byte"]
        table.add_row("unigram model (token frequencies alone)", f"{unigram:.3f}", "", "")
        for name, found in scores.items():
            interval = f"{found['bits_per_byte_low']:.3f} .. {found['bits_per_byte_high']:.3f}"
            table.add_row(name, f"{found['bits_per_byte']:.3f}", interval, f"{found['model_bytes'] / 1e6:.1f}")
        self.console.print()
        self.console.print(table)


def _counts(stage: str, result: StepResult) -> str:
    if stage in ("train", "evaluate", "quantize", "register"):
        return ""
    return f"{result.rows_in:>9,} in {result.rows_out:>9,} out"
