"""The model card: what the model is, what it was made of, how good it is, and what it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FunnelRow:
    """One stage of the data half: documents in and out, and why the others went."""

    stage: str
    documents_in: int
    documents_out: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Lineage:
    """What a model was made from; tags of its version."""

    model_fingerprint: str  # 32 hexadecimal characters, as all of these but the revision
    snapshot_digest: str
    tokenizer_fingerprint: str
    code_revision: str


def model_card(
    name: str,
    lineage: Lineage,
    *,
    config: Mapping[str, Any],
    funnel: Sequence[FunnelRow],
    training: Mapping[str, Any],
    scores: Mapping[str, Any],
    quantized_scores: Mapping[str, Any] | None,
    quantization: Mapping[str, Any] | None,
) -> str:
    """The README.md of a model version."""
    sections = [
        _what(name, lineage, config),
        _data(funnel),
        _table("Training", [("figure", "value"), *sorted(_numbers(training).items())]),
        _scores(scores, quantized_scores),
        _quantized(quantization),
        _limits(),
    ]
    return "\n".join(section for section in sections if section)


def without_header(card: str) -> str:
    """The card without the lines for machines at its top: what a person reads."""
    return card.split("---\n", 2)[2]


def _what(name: str, lineage: Lineage, config: Mapping[str, Any]) -> str:
    shape = (
        f"{config['num_hidden_layers']} layers, width {config['hidden_size']}, vocabulary {config['vocab_size']}, "
        f"context {config['max_position_embeddings']} tokens"
    )
    rows = [
        ("input", "identity"),
        ("model", f"`{lineage.model_fingerprint}`"),
        ("snapshot of the data", f"`{lineage.snapshot_digest}`"),
        ("tokenizer", f"`{lineage.tokenizer_fingerprint}`"),
        ("code", f"`{lineage.code_revision}`"),
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


def _scores(scores: Mapping[str, Any], quantized: Mapping[str, Any] | None) -> str:
    rows = [("figure", "model", "int8")]
    for figure, value in sorted(_numbers(scores).items()):
        rows.append((figure, value, _shown((quantized or {}).get(figure))))
    return _table("Scores on held-out text", rows)


def _quantized(quantization: Mapping[str, Any] | None) -> str:
    if quantization is None:
        return ""
    rows = [("figure", "value"), *sorted(_numbers(quantization).items())]
    return _table("Int8 variant (quantized/model.int8.onnx, ONNX Runtime)", rows)


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
