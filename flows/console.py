"""What a person at a terminal sees of a night: a line for each step that ended, a bar for the one at work, an end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flows.show.summary import funnel, lines_of, reasons, score_tables, text_steps
from pipeline_lib.run.step import Done
from pipeline_lib.stages import BY_WORD

LONG_LINE = 200


def make_console() -> Console:
    """The terminal; a file or pipe gets lines as long as they are."""
    console = Console(highlight=False, markup=False, emoji=False)  # a URL or a message may hold [brackets] and :colons:
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=LONG_LINE)


class ConsoleReporter:
    """Draws on a terminal; on anything else it writes plain lines."""

    def __init__(self, console: Console | None = None, *, gives_reasons: bool = False) -> None:
        """`gives_reasons`: behind each step, why documents went; a night tells it of all stages at its end."""
        self.console = console or make_console()
        self._gives_reasons = gives_reasons
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
        if self.console.is_terminal:  # on anything else Rich would end a bar that never was with an empty line
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

    def finished(self, stage: str, label: str, result: Done) -> None:
        """Write the line of a step that ended."""
        self._bars.update(self._bar, visible=False)
        how = "cached" if result.is_cached else f"{result.seconds:6.1f} s"
        reused = f", {result.num_reused} reused" if result.num_reused and not result.is_cached else ""
        self.console.print(f"  {stage:<9} {label:<22} {_counts(stage, result):<26} {how:>9}{reused}", soft_wrap=True)
        if self._gives_reasons and result.dropped:
            self.console.print(f"{'':<12}{reasons(result.dropped)}", style="dim", soft_wrap=True)

    def summary(
        self, result: Mapping[str, Any], *, seconds: float, urls: Sequence[str], workspace: Path | None = None
    ) -> None:
        """What the night came to, and where to look. `urls`: of Prefect and MLflow when they are open."""
        self.console.print()
        for documents in (funnel(result["refresh"]["stages"]), text_steps(*_steps(result["refresh"]))):
            if documents is not None:
                self.console.print(documents)
                self.console.print()
        for name, text in lines_of(result):
            self.console.print(f"{name:<14} {text}", soft_wrap=True)
        for table in score_tables(result["scores"]):
            self.console.print()
            self.console.print(table)
        sentence = " ".join(filter(None, [result.get("model"), result["verdict"]]))
        self.console.print(f"\n{sentence}  ({seconds:.1f} s)", style="bold")
        page = result["refresh"].get("report")
        self._where_to_look(urls, workspace / page if workspace and page else None)

    def _where_to_look(self, urls: Sequence[str], page: Path | None) -> None:
        if urls:
            self.console.print(f"\nPrefect  {urls[0]}\nMLflow   {urls[1]}", soft_wrap=True)
        else:
            self.console.print("\nnightshift up       opens the Prefect and MLflow UIs with this night in them")
        if page is not None:
            here = page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page
            self.console.print(f"nightshift report   the page of this refresh: {here}", soft_wrap=True)
        self.console.print("nightshift status   the last nights, the champion and its scores", style="dim")
        self.console.print("nightshift plan     what the next night would do", style="dim")
        self.console.print("nightshift why URL  what became of a document", style="dim")


def _counts(stage: str, result: Done) -> str:
    if BY_WORD[stage].ledger is None:  # it counts no documents
        return ""
    return f"{result.rows_in:>9,} in {result.rows_out:>9,} kept"


def _steps(refresh: Mapping[str, Any]) -> tuple[Any, Mapping[str, float]]:
    """What the table of steps is made of; a night of an earlier release tells no seconds."""
    return refresh["stages"], refresh.get("cpu_seconds", {})
