"""What a person at a terminal sees of a night: a line for each step that ended, a bar for the one at work, an end."""

from collections.abc import Container, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline_lib.run.step import Done

LONG_LINE = 200
REASONS_SHOWN = 5


def make_console() -> Console:
    """The terminal; a file or pipe gets lines as long as they are."""
    console = Console(highlight=False, markup=False, emoji=False)  # a URL or a message may hold [brackets] and :colons:
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=LONG_LINE)


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

    def finished(self, stage: str, label: str, result: Done) -> None:
        """Write the line of a step that ended."""
        self._bars.update(self._bar, visible=False)
        how = "cached" if result.is_cached else f"{result.seconds:6.1f} s"
        reused = f", {result.num_reused} reused" if result.num_reused and not result.is_cached else ""
        self.console.print(f"  {stage:<9} {label:<22} {_counts(stage, result):<26} {how:>9}{reused}", soft_wrap=True)

    def summary(self, result: Mapping[str, Any], *, seconds: float, urls: Sequence[str]) -> None:
        """What the night came to, and where to look. `urls`: of Prefect and MLflow when they are open."""
        refresh, training = result["refresh"], result["training"]
        self.console.print()
        self.console.print(_funnel(refresh["stages"]))
        facts = {row["stage"]: row["facts"] for row in refresh["stages"]}
        lines = [*(("new", change) for change in refresh["changes"]), *_figures(facts, training)]
        self.console.print()
        for name, text in lines:
            self.console.print(f"{name:<14} {text}", soft_wrap=True)
        self.console.print()
        self.console.print(scores_table(result["scores"]))
        self.console.print(f"\n{result['model']} {result['verdict']}  ({seconds:.1f} s)", style="bold")
        self._where_to_look(urls)

    def _where_to_look(self, urls: Sequence[str]) -> None:
        if urls:
            self.console.print(f"\nPrefect  {urls[0]}\nMLflow   {urls[1]}")
        else:
            self.console.print("\nnightshift up       opens the Prefect and MLflow UIs with this night in them")
        self.console.print("nightshift status   the last nights, the champion and its scores", style="dim")
        self.console.print("nightshift plan     what the next night would do", style="dim")
        self.console.print("nightshift why URL  what became of a document", style="dim")


def _plain_table(*headings: str, right: Container[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", header_style="bold")
    return table


def _funnel(stages: Sequence[Mapping[str, Any]]) -> Table:
    table = _plain_table("documents", "in", "kept", "why the rest went", right=("in", "kept"))
    for row in stages:
        reasons = [f"{reason} {count:,}" for reason, count in row["dropped"].items()]
        more = f", {len(reasons) - REASONS_SHOWN} more reasons" if len(reasons) > REASONS_SHOWN else ""
        why = ", ".join(reasons[:REASONS_SHOWN]) + more
        table.add_row(row["stage"], f"{row['rows_in']:,}", f"{row['rows_out']:,}", why or "-")
    return table


def _figures(facts: Mapping[str, Mapping[str, Any]], training: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Lines on personal data, tokens and training."""
    personal = {name: count for name, count in facts["scrub"].items() if name != "num_bytes"}
    found = [f"{name.removeprefix('num_')} {count:,}" for name, count in personal.items() if count]
    tokens = facts["tokenize"]
    learned = (
        f"{training['num_steps']:,} steps over {training['num_tokens']:,} tokens; "
        f"loss {training['first_loss']:.2f} -> {training['branch_loss']:.2f} nats per token; "
        f"{training['num_parameters']:,} parameters"
    )
    return [
        ("personal data", f"replaced: {', '.join(found)}" if found else "none found"),
        (
            "tokens",
            f"{tokens['num_train_tokens']:,} of {tokens['num_train_documents']:,} documents; "
            f"{tokens['num_heldout_documents']:,} documents held out",
        ),
        ("training", learned),
    ]


def scores_table(scores: Mapping[str, Mapping[str, Any]]) -> Table:
    """Bits per byte of models on the same held-out documents, beside those of a model that knows frequencies alone."""
    first = next(iter(scores.values()))
    heading = f"bits per byte on {first['num_documents']:,} held-out documents"
    numbers = ("value", f"{first['confidence']:.0%} interval", "perplexity a byte", "MB")
    table = _plain_table(heading, *numbers, right=numbers)
    table.add_row("unigram model (token frequencies alone)", f"{first['unigram_bits_per_byte']:.3f}", "", "", "")
    for name, found in scores.items():
        table.add_row(
            name,
            f"{found['bits_per_byte']:.3f}",
            f"{found['bits_per_byte_low']:.3f} .. {found['bits_per_byte_high']:.3f}",
            f"{found['byte_perplexity']:.2f}",
            f"{found['model_bytes'] / 1e6:.1f}",
        )
    return table


def _counts(stage: str, result: Done) -> str:
    if stage in ("train", "evaluate", "quantize", "register"):
        return ""
    return f"{result.rows_in:>9,} in {result.rows_out:>9,} kept"
