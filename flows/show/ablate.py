"""`nightshift ablate`: what a trial would take, and what it came to."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.console import make_console
from flows.show.tables import lasting, print_json, table
from pipeline_lib.ablate.names import Named
from pipeline_lib.base.words import counted

AGAINST = {"without": "the text without it", "control": "the control"}


def show_forecast(step: Named, notes: Sequence[str], told: Mapping[str, Any], *, as_json: bool) -> None:
    """What would be made, and about how long it takes."""
    if as_json:
        print_json({"is_dry_run": True, **_head(step, notes), **told})
        return
    console = make_console()
    _say_step(step, notes, console)
    works = table("what", "number", "about")
    num_works = sum(told["works"].values())
    works.add_row("works of the data half", f"{num_works:,}", _about(told["data_seconds"]))
    trained = f"trainings on {told['num_tokens']:,} tokens each, and their scores"
    works.add_row(trained, f"{told['num_trainings']:,}", _about(told["training_seconds"]))
    console.print(works)
    for maker, count in told["works"].items():
        console.print(f"  {maker} {count:,}", style="dim")
    console.print("Nothing was made. The times are those that such works took in the nights of this workspace.")


def _about(seconds: float | None) -> str:
    return "no night tells" if seconds is None else lasting(seconds)


def show_result(step: Named, notes: Sequence[str], told: Mapping[str, Any], *, as_json: bool) -> None:
    """The answer, and what it stands on."""
    if as_json:
        print_json({"is_dry_run": False, **_head(step, notes), **told})
        return
    console = make_console()
    console.print()
    _say_step(step, (), console)
    worth = told["worth"]
    console.print(_arms(told))
    if worth is None:
        console.print(f"\n{step.name} changes nothing in this text: nothing was trained", style="bold")
        return
    console.print()
    console.print(_effects(worth))
    chance, effect = worth["chance"], worth["effects"][0]
    seeds = len(told["seeds"])
    for line in (
        f"below 0 the first needs fewer bits: it predicts the benchmark better; {_size(effect)}",
        f"so many documents fewer, at random, do this by themselves: {_range(chance)}",
        f"the smallest difference that such a benchmark and {counted(seeds, 'seed')} show: {effect['detectable']:.2%}",
    ):
        console.print(line, style="dim", soft_wrap=True)
    if seeds == 1:
        console.print("one seed: the interval knows nothing of chance in the training; --seeds 3 does", style="dim")
    console.print(f"\n{_sentence(step, worth)}", style="bold", soft_wrap=True)


def _head(step: Named, notes: Sequence[str]) -> dict[str, Any]:
    return {"step": step.name, "about": step.about, "is_on": step.is_on, "notes": list(notes)}


def _say_step(step: Named, notes: Sequence[str], console: Console) -> None:
    now = "on" if step.is_on else "off, or in part"
    console.print(f"{step.name}: {step.about} (now {now})", soft_wrap=True)
    for note in notes:
        console.print(note, style="dim", soft_wrap=True)


def _arms(told: Mapping[str, Any]) -> Table:
    made = table("text", "documents", "tokens", "bits per byte")
    for arm, text in told["texts"].items():
        bits = told["worth"]["bits_per_byte"][arm] if told["worth"] else ()
        shown = f"{mean(bits):.4f}" if bits else ""
        made.add_row(arm, f"{text['num_documents']:,}", f"{text['num_tokens']:,}", shown)
    return made


def _effects(worth: Mapping[str, Any]) -> Table:
    made = table("with the step, against", "difference", "interval", "by seed")
    for effect in worth["effects"]:
        seeds = ", ".join(f"{share:+.2%}" for share in effect["by_seed"])
        made.add_row(AGAINST[effect["against"]], f"{effect['share']:+.2%}", _range(effect), seeds)
    return made


def _range(effect: Mapping[str, Any]) -> str:
    return f"{effect['low']:+.2%} to {effect['high']:+.2%}"


def _size(effect: Mapping[str, Any]) -> str:
    return f"{counted(effect['num_documents'], 'document')} in {counted(effect['num_blocks'], 'block')}"


def _sentence(step: Named, worth: Mapping[str, Any]) -> str:
    if worth["verdict"] == "cannot be told":
        return f"{step.name}: whether it helps cannot be told; more steps, more seeds or a larger benchmark may"
    beaten = "better" if worth["verdict"] == "helps" else "worse"
    return f"{step.name} {worth['verdict']}: {beaten} than the text without it, and than as many documents at random"
