"""Whether two backends of one model give the same answers on real text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.model.backends import Backend, Ids
from pipeline_lib.model.scoring import START_TOKEN
from pipeline_lib.store.tables import iterate


@dataclass(frozen=True)
class Parity:
    """How far the logits of two backends are from each other."""

    max_difference: float  # of any logit
    cosine: float  # of all logits as one vector
    argmax_agreement: float  # share of positions with the same most likely token, 0..1


def parity_rows(documents: Path, tokenizer: Any, *, num_documents: int, num_tokens: int) -> list[Ids]:
    """Rows of ids [1, T], T at most `num_tokens`: the beginnings of the documents with the smallest ids.

    Without any text it is one row that walks through the vocabulary: a check on nothing is no check.
    """
    start = tokenizer.token_to_id(START_TOKEN)
    texts = _first_texts(documents, num_documents)
    if not texts:
        walk = np.linspace(0, tokenizer.get_vocab_size() - 1, num_tokens - 1).astype(np.int64)
        return [np.concatenate([[start], walk])[None, :]]
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [np.array([[start, *encoding.ids][:num_tokens]], dtype=np.int64) for encoding in encoded]


def compare(reference: Backend, other: Backend, rows: Sequence[Ids]) -> Parity:
    """The parity over all positions of all rows. NaN where one of them answers with NaN."""
    products = np.zeros(3)  # reference.other, reference.reference, other.other
    difference, num_same, num_positions = 0.0, 0, 0
    for row in rows:
        a, b = (backend.logits(row)[0].astype(np.float64) for backend in (reference, other))
        products += [np.vdot(a, b), np.vdot(a, a), np.vdot(b, b)]
        difference = float(np.maximum(difference, np.abs(a - b).max()))  # np.maximum hands NaN on, max() does not
        num_same += int((a.argmax(-1) == b.argmax(-1)).sum())
        num_positions += len(a)
    with np.errstate(invalid="ignore"):  # of logits that are infinite: NaN, which is refused
        cosine = float(products[0] / np.sqrt(products[1] * products[2]))
    return Parity(difference, cosine, num_same / num_positions)


def _first_texts(documents: Path, number: int) -> list[str]:
    first: list[tuple[str, str]] = []
    for table in iterate(documents, ["document_id", "text"]):
        rows = zip(table["document_id"].to_pylist(), table["text"].to_pylist(), strict=True)
        first = sorted([*first, *((name, text) for name, text in rows if text)])[:number]
    return [text for _, text in first]
