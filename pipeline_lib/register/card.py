"""The model card: what the model is, what it was made of, how good it is, and what it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_lib.model.records import CHALLENGER, Figures, Scores, VariantReport
from pipeline_lib.register.table import deciding

WHERE = frozenset({"candidate", "version", "benchmark", "generation"})  # of a score: what the heading says already


@dataclass(frozen=True)
class FunnelRow:
    """One stage of the data half: documents in and out, and why the others went."""

    stage: str
    documents_in: int
    documents_out: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Origin:
    """What a model was made from; tags of its version."""

    model_fingerprint: str  # 32 hexadecimal characters, as all of these but the revision
    snapshot_digest: str
    tokenizer_fingerprint: str
    variants_digest: str  # of what is registered beside it: which variant stands for each scheme
    code_revision: str


@dataclass(frozen=True)
class Facts:
    """What a card tells beside the origin."""

    config: Mapping[str, Any]  # config.json of the model
    funnel: Sequence[FunnelRow]
    training: Figures
    scores: Sequence[Scores]  # of the challenger and its variants, on all benchmarks
    variants: Sequence[VariantReport]


def model_card(name: str, origin: Origin, facts: Facts) -> str:
    """The README.md of a model version."""
    own = [scores for scores in facts.scores if scores.candidate == CHALLENGER]
    label = deciding(own)
    sections = [
        _what(name, origin, facts.config),
        _data(facts.funnel),
        _table("Training", [("figure", "value"), *sorted(_numbers(facts.training).items())]),
        _scores(label, [scores for scores in facts.scores if scores.label == label]),
        _slices(own),
        *(_variant(report) for report in facts.variants),
        _limits(),
    ]
    return "\n".join(section for section in sections if section)


def without_header(card: str) -> str:
    """The card without the lines for machines at its top: what a person reads."""
    return card.split("---\n", 2)[2]


def _what(name: str, origin: Origin, config: Mapping[str, Any]) -> str:
    shape = (
        f"{config['num_hidden_layers']} layers, width {config['hidden_size']}, vocabulary {config['vocab_size']}, "
        f"context {config['max_position_embeddings']} tokens"
    )
    rows = [
        ("input", "identity"),
        ("model", f"`{origin.model_fingerprint}`"),
        ("snapshot of the data", f"`{origin.snapshot_digest}`"),
        ("tokenizer", f"`{origin.tokenizer_fingerprint}`"),
        ("code", f"`{origin.code_revision}`"),
    ]
    head = f"---\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n# {name}\n\n"
    about = f"A causal language model ({config['architectures'][0]}: {shape}), trained overnight by Nightshift.\n\n"
    return head + about + _table("Made from", rows)


def _data(funnel: Sequence[FunnelRow]) -> str:
    rows = [("stage", "documents in", "documents out", "why the others went")]
    for row in funnel:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(row.dropped.items()) if count)
        rows.append((row.stage, str(row.documents_in), str(row.documents_out), reasons))
    return _table("Data", rows) if funnel else ""


def _scores(label: str, scores: Sequence[Scores]) -> str:
    """A column a candidate: the model first, then its variants."""
    if not scores:
        return ""
    columns = [_numbers(one.figures) for one in scores]
    names = ["model" if one.candidate == CHALLENGER else one.candidate for one in scores]
    figures = sorted(figure for figure in columns[0] if figure not in WHERE)
    rows = [(figure, *(column.get(figure, "") for column in columns)) for figure in figures]
    return _table(f"Scores on held-out text ({label})", [("figure", *names), *rows])


def _slices(scores: Sequence[Scores]) -> str:
    """Bits per byte by source and language, on each benchmark."""
    rows = [
        (one.label, f"{part.by} {part.name}", str(part.num_documents), _shown(part.bits_per_byte))
        for one in scores
        for part in one.slices
    ]
    return (
        _table("By source and language", [("benchmark", "text", "documents", "bits per byte"), *rows]) if rows else ""
    )


def _variant(report: VariantReport) -> str:
    rows = [("figure", "value"), *sorted(_numbers(report.all_figures).items())]
    return _table(f"Variant {report.scheme} (variants/{report.scheme}/)", rows)


def _limits() -> str:
    return (
        "## Limits\n\n"
        "- It continues text. It was not taught to follow instructions or to refuse, and it makes things up.\n"
        "- It knows what stood in its documents, with their mistakes and one-sidedness.\n"
        "- Personal data of structured kinds was replaced before training; names and free descriptions were not.\n"
        "- Scores hold for held-out documents of the same sources; other text will score worse.\n"
    )


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines) + "\n"


def _numbers(figures: Mapping[str, Any]) -> dict[str, str]:
    """The figures that are one number or one word; lists (a loss curve) stay in their files."""
    return {name: _shown(value) for name, value in figures.items() if isinstance(value, int | float | str)}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
