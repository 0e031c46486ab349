"""A classifier that learns from examples (docs/models.md): how well it tells texts apart, and how fast it reads.

BENCH_TEXTS names the folder of texts (corpora.py); beside them it has
    quality_dclm_human    majority_data.jsonl.zst: {text, label}; pages of the web, judged by people
    domain_pubmedqa       *.jsonl.zst: {contexts}; abstracts of medicine, against the English texts of the folder

AUC: how often of two texts, one of each side, the wanted one has the higher score. Each text is scored by a model that
learned from the other four fifths. The rules of clean say yes or no: theirs is the mean of the shares that they decide
as people did on each side. People themselves agree on 71 % of such pages.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard

from pipeline_lib.clean.judge import Languages, rule_criteria
from pipeline_lib.clean.models import roc_auc, scores_of, weights_of
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signals import LANGUAGE, signals_of
from tests.bench.corpora import neutral, texts_folder
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import BenchSkipped, Workbench

FIGURES = (
    Figure("classifier_auc_quality", "AUC", "higher", "learned from pages that people judged, 5-fold"),
    Figure("classifier_auc_quality_rules", "AUC", "higher", "the rules of clean on the same pages"),
    Figure("classifier_auc_domain", "AUC", "higher", "abstracts of medicine against other English, 5-fold"),
    Figure("classifier_mb_s_core", "MB/s/core", "higher", "scores of one model, English and Chinese"),
)
NUM_FOLDS = 5
NUM_OTHERS = 500  # texts beside those of the domain
MEGABYTES = 24  # that are scored for the speed

Sides = npt.NDArray[np.bool_]


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    folder = texts_folder()
    rows = list(rows_of(folder / "quality_dclm_human" / "majority_data.jsonl.zst"))
    texts, sides = [row["text"] for row in rows], np.array([bool(row["label"]) for row in rows])
    bench.say(f"pages that people judged: {len(texts)}, of them {sides.sum()} good")
    yield "classifier_auc_quality", cross_validated(texts, sides)
    yield "classifier_auc_quality_rules", roc_auc(_kept_by_rules(texts).astype(float), sides)
    domain = [" ".join(row["contexts"]) for path in files_of(folder / "domain_pubmedqa") for row in rows_of(path)]
    corpus = neutral(folder, megabytes=MEGABYTES)
    others = [text for name, text in corpus.items() if name.startswith("en-")][:NUM_OTHERS]
    bench.say(f"the domain: {len(domain)} texts, others: {len(others)}")
    yield (
        "classifier_auc_domain",
        cross_validated([*domain, *others], np.arange(len(domain) + len(others)) < len(domain)),
    )
    place = bench.root / "classifier.jsonl"
    place.write_text("".join(json.dumps(text) + "\n" for text in corpus.values()), encoding="utf-8")
    megabytes = sum(len(text.encode()) for text in corpus.values()) / 1e6
    yield "classifier_mb_s_core", megabytes / float(bench.module("classifier_child", str(place), extra=ONE_THREAD))


def cross_validated(texts: Sequence[str], sides: Sides) -> float:
    """The AUC of scores of which each is by a model that had not seen its text."""
    folds = np.random.default_rng(0).permutation(len(texts)) % NUM_FOLDS
    scores = np.zeros(len(texts), np.float32)
    for fold in range(NUM_FOLDS):
        asked = folds == fold
        weights = weights_of([text for text, is_asked in zip(texts, asked, strict=True) if not is_asked], sides[~asked])
        column = pa.array([text for text, is_asked in zip(texts, asked, strict=True) if is_asked], pa.large_string())
        scores[asked] = scores_of(column, {"score": weights})["score"]
    return roc_auc(scores, sides)


def _kept_by_rules(texts: Sequence[str]) -> Sides:
    """Which texts all rules keep, as they are by default."""
    signals = signals_of(pa.array(texts, pa.large_string()))
    values = {name: np.array(signals[name], np.float64) for name in signals.column_names if name != LANGUAGE}
    criteria = rule_criteria(CleanSettings().rules, values, Languages.of(signals[LANGUAGE]))
    kept: Sides = ~np.any([one.fails for one in criteria], axis=0)
    return kept


def files_of(folder: Path) -> list[Path]:
    """The JSON Lines of a folder."""
    return sorted(folder.glob("*.jsonl.zst"))


def rows_of(path: Path) -> Iterator[Any]:
    """The rows of one of them. Raises `BenchSkipped` where it is not there."""
    if not path.is_file():
        raise BenchSkipped(f"{path} is not there; without it nothing is known of classifiers")
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)
