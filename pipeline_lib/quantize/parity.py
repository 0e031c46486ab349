"""Whether two backends of one model give the same answers on real text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.backends import Backend, Ids
from pipeline_lib.model.scoring import START_TOKEN
from pipeline_lib.store.schemas import read_documents


@dataclass(frozen=True)
class Parity:
    """How far the logits of two backends are from each other."""

    max_difference: float  # of any logit
    cosine: float  # of all logits as one vector
    argmax_agreement: float  # share of positions with the same most likely token, 0..1


def parity_rows(heldout: Sequence[Path], tokenizer: Any, *, num_documents: int, num_tokens: int) -> list[Ids]:
    """Rows of ids [1, T], T at most `num_tokens`: the beginnings of the held-out documents with the smallest ids.

    Raises `DataError` when there is no text: a check on nothing is no check.
    """
    found: list[tuple[str, str]] = []
    for path in heldout:
        table = read_documents(path).select(["document_id", "text"])
        found += zip(table["document_id"].to_pylist(), table["text"].to_pylist(), strict=True)
    texts = [text for _, text in sorted(found) if text][:num_documents]
    if not texts:
        raise DataError(
            "No held-out text to check the exported model on. Add documents or raise tokenize.heldout_share."
        )
    start = tokenizer.token_to_id(START_TOKEN)
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
    cosine = float(products[0] / np.sqrt(products[1] * products[2]))
    return Parity(difference, cosine, num_same / num_positions)
