"""The labelled examples that a model learns from: files of the user's, read when a plan is made and when it learns.

What decides is which texts there are on which side, each once, in an order of their own: neither the names of files,
nor their format, nor which line comes first. A text that stands on both sides tells nothing and is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from pipeline_lib.clean.model_files import (
    FORMATS,
    digest_of_text,
    digest_once,
    error_of,
    files_at,
    json_rows,
    text_in,
    texts_of,
)

if TYPE_CHECKING:
    from pipeline_lib.clean.model_kinds.classifier import ClassifierModel

MOST_BYTES = 64_000_000  # of one model's examples, unpacked: some 30,000 pages, and two minutes of learning
FEWEST = 10  # a side: of fewer nothing can be learned, and nothing be said of how well


@dataclass(frozen=True)
class Examples:
    """Texts that are wanted and texts that are not, each side in the order of its digests."""

    keep: tuple[str, ...]
    drop: tuple[str, ...]
    num_repeated: int  # left out
    num_contradicting: int  # texts on both sides, left out of both

    @property
    def digest(self) -> str:
        """Of all of them, behind how many there are, which a plan can show: "40 keep, 38 drop, 1f0c..."."""
        whole = xxhash.xxh3_128(f"{self.num_repeated} {self.num_contradicting}".encode())
        for side in (self.keep, self.drop):
            whole.update(b"side")
            for text in side:
                whole.update(digest_of_text(text))
        return f"{len(self.keep)} keep, {len(self.drop)} drop, {whole.hexdigest()}"


def digest_of_examples(model: "ClassifierModel") -> str:
    """What names a model beside its maker. Files that are as they were are not read again by the same process."""
    return digest_once(model, [path for place in _places(model) for path in _files(model, place)], read_examples)


def read_examples(model: "ClassifierModel") -> Examples:
    """All examples of a model. Raises `SettingsError` where there are none, too few, too many, or one is unreadable."""
    sides: dict[bool, dict[bytes, str]] = {True: {}, False: {}}
    num_rows, num_bytes = 0, 0
    for is_wanted, text in _rows(model):
        num_rows += 1
        num_bytes += len(text.encode())
        if num_bytes > MOST_BYTES:
            raise error_of(model, f"the examples have more than {MOST_BYTES / 1e6:g} MB", "Give a sample of them.")
        sides[is_wanted][digest_of_text(text)] = text
    both = sides[True].keys() & sides[False].keys()
    keep, drop = (tuple(side[key] for key in sorted(side.keys() - both)) for side in (sides[True], sides[False]))
    for texts, side in ((keep, "keep"), (drop, "drop")):
        if len(texts) < FEWEST:
            raise error_of(
                model,
                f"{len(texts)} different examples of what to {side}, besides {len(both)} that stand on both sides",
                f"Give at least {FEWEST}, better some hundred, of each side.",
            )
    return Examples(keep, drop, num_rows - len(keep) - len(drop) - 2 * len(both), len(both))


def _rows(model: "ClassifierModel") -> Iterator[tuple[bool, str]]:
    if model.examples is not None:
        for path in _files(model, model.examples):
            for place, row in json_rows(model, path, MOST_BYTES):
                yield _label(model, row, place), text_in(model, row, model.text_field, place)
        return
    for side, is_wanted in ((model.keep, True), (model.drop, False)):
        assert side is not None
        for path in _files(model, side):
            yield from ((is_wanted, text) for text in texts_of(model, path, model.text_field, MOST_BYTES))


def _places(model: "ClassifierModel") -> tuple[Path, ...]:
    return tuple(place for place in (model.examples, model.keep, model.drop) if place is not None)


def _files(model: "ClassifierModel", place: Path) -> list[Path]:
    return files_at(model, place, FORMATS[:1] if model.examples is not None else FORMATS, "examples")


def _label(model: "ClassifierModel", row: dict[str, object], place: str) -> bool:
    label = row.get(model.label_field)
    if label in (True, False):  # 1 and 0 are equal to them
        return bool(label)
    raise error_of(
        model,
        f"{place} has no label true, false, 1 or 0 in {model.label_field!r}",
        "Set `label_field` to the field that has it, or give `keep` and `drop`.",
    )


def is_held_out(text: str) -> bool:
    """Whether a model is measured on an example before it learns from all of them: every fifth, by its digest."""
    return digest_of_text(text)[0] % 5 == 0
