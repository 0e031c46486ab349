"""What is known of a model, as records that one stage writes and others read: scores, and the report of a variant.

Files are JSON with the fields of the record. A reader takes the fields it knows: one that is missing is None, one that
it does not know is left, so that records of other releases are read as far as they are understood. A figure that is no
finite number is null: the gate refuses on it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.files import read_json, write_json

MODEL_FOLDER = "model"  # in the artifacts of train and quantize, and in a registered package

SCORES_FILE = "scores.json"  # Scores: the same for the same input
PER_DOCUMENT_FILE = "per_document.parquet"  # one row a document (model/measured.py)
SPEED_FILE = "speed.json"  # measured, so never twice the same, and apart for that reason
VARIANT_FILE = "variant.json"  # VariantReport
TRAINING_FILE = "training.json"  # what a training says of itself

CHALLENGER, CHAMPION = "challenger", "champion"  # candidates; a variant of the challenger is called as its scheme
FROZEN, FRESH = "frozen", "fresh"  # benchmarks
BEFORE = "frozen before"  # and the generation before the frozen one, where a model is judged on both

Figures = Mapping[str, float | int | str | None]


@dataclass(frozen=True)
class Slice:
    """The documents of a benchmark that have something in common."""

    by: str  # "source" or "language"
    name: str  # "unknown" where nobody tells
    num_documents: int
    num_bytes: int
    bits_per_byte: float | None


@dataclass(frozen=True)
class Scores:
    """What evaluate measured of one candidate on one benchmark."""

    candidate: str = ""
    version: int | None = None  # in the registry; None: it is not there yet
    benchmark: str = ""  # "frozen" or "fresh"
    generation: int = 0
    backend: str = ""
    num_documents: int = 0
    num_bytes: int = 0
    context_tokens: int = 0
    confidence: float | None = None
    noise_share: float | None = None
    model_bytes: int = 0
    bits_per_byte: float | None = None
    bits_per_byte_low: float | None = None
    bits_per_byte_high: float | None = None
    unigram_bits_per_byte: float | None = None
    token_perplexity: float | None = None
    word_perplexity: float | None = None
    byte_perplexity: float | None = None
    noise_bits_per_byte: float | None = None
    noise_increase_share: float | None = None
    slices: tuple[Slice, ...] = ()

    @property
    def label(self) -> str:
        """The benchmark and its generation: "frozen-2"."""
        return f"{self.benchmark}-{self.generation}"

    @property
    def figures(self) -> Figures:
        """All but the slices: small numbers and names."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "slices"}


@dataclass(frozen=True)
class VariantReport:
    """How a smaller variant of a model was made, and how far it is from the model itself."""

    scheme: str = ""
    backend: str = ""
    quantized_share: float | None = None  # of the weights: libraries skip what they do not know without a word
    num_bytes: int = 0
    model_bytes: int = 0  # of the model it was made from
    max_difference: float | None = None  # of any logit, over the rows of the check
    cosine: float | None = None
    argmax_agreement: float | None = None
    figures: Figures = field(default_factory=dict)  # what only this scheme has to tell

    @property
    def all_figures(self) -> Figures:
        """The figures of every scheme and those of this one."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "figures"}
        return {**own, **self.figures}


def write_record(record: Scores | VariantReport, path: Path) -> None:
    """Write a record as JSON."""
    write_json(path, asdict(record))


def read_scores(path: Path) -> Scores:
    """A scores.json. Raises `DataError` when it cannot be read."""
    given = _read(path)
    slices = tuple(Slice(**{name: part.get(name) for name in _names(Slice)}) for part in given.get("slices", ()))
    return Scores(**{**_known(given, Scores), "slices": slices})


def read_variant(path: Path) -> VariantReport:
    """A variant.json. Raises `DataError` when it cannot be read."""
    return VariantReport(**_known(_read(path), VariantReport))


def read_figures(path: Path) -> Figures:
    """The numbers and words of a JSON object, without its lists (a loss curve). Raises `DataError`."""
    return {name: value for name, value in _read(path).items() if value is None or isinstance(value, int | float | str)}


def finite(value: Any) -> float | None:
    """A number as it is; None for all that is none: JSON has no NaN, and a word is no figure."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        given = read_json(path)
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: cannot be read. Delete its folder and run again.") from exc
    if not isinstance(given, dict):
        raise DataError(f"{path}: holds no record. Delete its folder and run again.")
    return given


def _known(given: Mapping[str, Any], kind: type[Scores] | type[VariantReport]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in _names(kind)}


def _names(kind: type[Any]) -> set[str]:
    return {entry.name for entry in fields(kind)}
