"""What a night came to: the documents of each stage, what a person should know beside, the scores of its models."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from rich.table import Table

from pipeline_lib.base.words import counted
from pipeline_lib.clean.steps.counts import counts_in, is_of_texts, table_of
from pipeline_lib.model.records import CHALLENGER, CHAMPION
from pipeline_lib.train.steps import in_nights, nights_like

REASONS_SHOWN = 5
KINDS_SHOWN = 4
LANGUAGES_SHOWN = 4
NO_FIGURE = "-"  # what a model did not answer, or nobody asked


def funnel(stages: Sequence[Mapping[str, Any]]) -> Table:
    """Where documents came in and went."""
    table = _plain_table("documents", "in", "kept", "why the rest went", right=("in", "kept"))
    for row in stages:
        why = reasons(row["dropped"]) or NO_FIGURE
        table.add_row(row["stage"], f"{row['rows_in']:,}", f"{row['rows_out']:,}", why)
    return table


def text_steps(stages: Sequence[Mapping[str, Any]], cpu_seconds: Mapping[str, float]) -> Table | None:
    """What each step of clean did to texts, and how long it took tonight if anything was made; None where none did
    anything."""
    counts = {name: count for row in stages for name, count in counts_in(row["facts"]).items()}
    steps = table_of(counts, cpu_seconds)
    is_timed = any(count.cpu_seconds for _, count in steps)
    numbers = ("documents", "characters less", "let alone", *(["CPU seconds"] if is_timed else []))
    table = _plain_table("steps of clean", *numbers, right=numbers)
    for name, count in steps:
        did = [f"{count.num_changed:,}", f"{count.num_chars_removed:,}", f"{count.num_spared:,}"]
        took = [f"{count.cpu_seconds:,.2f}" if count.cpu_seconds else NO_FIGURE] if is_timed else []
        table.add_row(name, *(did if is_of_texts(name) else [NO_FIGURE] * 3), *took)
    return table if table.row_count else None


def reasons(dropped: Mapping[str, int]) -> str:
    """Why documents went, as they come: "too_few_words 12, near_duplicate 3"."""
    return _first([f"{reason} {count:,}" for reason, count in dropped.items()], REASONS_SHOWN, "more reasons")


def lines_of(night: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and sentences: what was new, what is passed over, personal data, tokens, training."""
    refresh = night["refresh"]
    facts = {row["stage"]: row["facts"] for row in refresh["stages"]}
    return [
        *(("new", change) for change in refresh["changes"]),
        *(("note", note) for note in refresh["notes"]),
        *(("passed over", line) for line in passed_over(refresh["passed_over"])),
        ("personal data", _personal_data(facts["scrub"])),
        ("tokens", _tokens(refresh["snapshot"], refresh["num_heldout"])),
        *(("bytes a token", line) for line in _bytes_per_token(refresh["bytes_per_token"])),
        ("training", _training(night.get("training"), is_tonight=night.get("is_trained", False))),
    ]


def passed_over(sources: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """A line for each source that has files which are not read: how many of which kinds, each with an example."""
    return [f"{source}: {_kinds(kinds)}" for source, kinds in sources.items() if kinds]


def _kinds(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    most_first = sorted(kinds.items(), key=lambda item: (-item[1]["num_files"], item[0]))
    total = sum(found["num_files"] for found in kinds.values())
    shown = [
        f"{kind} {found['num_files']:,}" + (f" ({found['example']})" if found["example"] else "")
        for kind, found in most_first
    ]
    noun = "file is" if total == 1 else "files are"
    return f"{total:,} {noun} not read: {_first(shown, KINDS_SHOWN, 'more kinds')}"


def _personal_data(facts: Mapping[str, Any]) -> str:
    counts = {name.removeprefix("num_"): count for name, count in facts.items() if name != "num_bytes"}
    found = [f"{kind} {count:,}" for kind, count in counts.items() if count]
    return f"replaced: {', '.join(found)}" if found else "none found"


def _tokens(snapshot: Mapping[str, Any], num_heldout: int) -> str:
    """What a training may read: nothing held out, withdrawn, or of a source that is not asked for."""
    there = f"{snapshot['num_tokens']:,} of {snapshot['num_documents']:,} documents to train on"
    return f"{there}; models are judged on {num_heldout:,} held-out documents"


def _bytes_per_token(fits: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the tokenizer fits the languages there are."""
    said = [
        f"{fit['language']} {fit['now']:.2f} ({fit['then']:.2f}{' of all text' if fit['is_new'] else ''})"
        for fit in fits
    ]
    shown = _first(said, LANGUAGES_SHOWN, "more languages")
    return [f"{shown}; in brackets when the tokenizer was learned"] if said else []


def _training(training: Mapping[str, Any] | None, *, is_tonight: bool) -> str:
    if training is None:
        return "nothing was trained, and there is no model yet"
    losses = [training.get(name) for name in ("first_loss", "branch_loss")]
    loss = " -> ".join(NO_FIGURE if value is None else f"{value:.2f}" for value in losses)
    told = (
        f"{training['num_steps']:,} steps over {training['num_tokens']:,} tokens; loss {loss} nats per token; "
        f"{training['num_parameters']:,} parameters"
    )
    unread = training.get("unread_tokens")
    left = f"; {unread:,} tokens are left to read{_nights(unread, training)}" if unread else ""
    return f"{told}{left}" if is_tonight else f"nothing was trained; the model that stands: {told}{left}"


def _nights(unread: int, training: Mapping[str, Any]) -> str:
    """For how many nights that is, when each reads as much as this one."""
    num_read = training["read"]["num_tokens"] if training.get("read") else 0
    return f": {in_nights(nights_like(unread, num_read))}" if num_read else ""


def score_tables(scores: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """A table for each benchmark; `scores` has figures by "candidate, benchmark"."""
    benchmarks = dict.fromkeys(map(_benchmark, scores.values()))
    return [
        _score_table(benchmark, {name: found for name, found in scores.items() if _benchmark(found) == benchmark})
        for benchmark in benchmarks
    ]


def _benchmark(figures: Mapping[str, Any]) -> str:
    return f"{figures['benchmark']}-{figures['generation']}"


def _score_table(benchmark: str, scores: Mapping[str, Mapping[str, Any]]) -> Table:
    """Bits per byte of models on the same held-out documents, beside those of a model that knows frequencies alone."""
    first = next(iter(scores.values()))
    count = first["num_documents"]
    heading = f"bits per byte on {counted(count, 'held-out document')} ({benchmark})"
    confidence = first.get("confidence")
    interval = "interval" if confidence is None else f"{confidence:.0%} interval"
    numbers = ("value", interval, "perplexity a byte", "MB")
    table = _plain_table(heading, *numbers, right=numbers)
    table.add_row("unigram model (token frequencies alone)", _figure(first.get("unigram_bits_per_byte")), "", "", "")
    for name, found in scores.items():
        bounds = [_figure(found.get(f"bits_per_byte_{end}")) for end in ("low", "high")]
        table.add_row(
            _called(name, found),
            _figure(found.get("bits_per_byte")),
            " .. ".join(bounds) if NO_FIGURE not in bounds else NO_FIGURE,
            _figure(found.get("byte_perplexity"), digits=2),
            f"{found['model_bytes'] / 1e6:.1f}",
        )
    return table


def _called(name: str, figures: Mapping[str, Any]) -> str:
    """The candidate, of "int8, frozen-1"; a variant is one of the challenger."""
    candidate = name.removesuffix(f", {_benchmark(figures)}")
    return candidate if figures["candidate"] in (CHALLENGER, CHAMPION) else f"{CHALLENGER} {candidate}"


def _figure(value: float | None, *, digits: int = 3) -> str:
    return NO_FIGURE if value is None else f"{value:.{digits}f}"


def _first(parts: Sequence[str], number: int, what: str) -> str:
    more = f", {len(parts) - number} {what}" if len(parts) > number else ""
    return ", ".join(parts[:number]) + more


def _plain_table(*headings: str, right: Container[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", header_style="bold")
    return table
