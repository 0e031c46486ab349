"""An n-gram model and a list of words (docs/models.md): what bits per byte alone tell of texts, and how fast both read.

BENCH_TEXTS names the folder of texts (corpora.py); beside what classifier.py reads it has
    text_en_wikitext2    valid.txt: good articles of Wikipedia, one megabyte: the text of reference for quality

AUC: how often of two texts, one of each side, the wanted one takes fewer bits per byte. Nobody labelled anything for
the model; the classifier on the same pages learned from labels of their like. For the domain the reference is one half
of its texts, and the other half is asked.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline_lib.clean.models import roc_auc
from pipeline_lib.clean.perplexity import bits_per_byte, learn_reference
from pipeline_lib.clean.references import Reference
from tests.bench.classifier import MEGABYTES, NUM_OTHERS, Sides, files_of, rows_of
from tests.bench.corpora import neutral, texts_folder
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import BenchSkipped, Workbench

FIGURES = (
    Figure("perplexity_auc_quality", "AUC", "higher", "bits per byte alone, by Wikipedia, on pages that people judged"),
    Figure("perplexity_auc_domain", "AUC", "higher", "by abstracts of medicine, on others of them and other English"),
    Figure("perplexity_mb_s_core", "MB/s/core", "higher", "bits per byte by one model, English and Chinese"),
    Figure("word_list_mb_s_core", "MB/s/core", "higher", "a list of 2,000 terms, the same texts"),
)


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    folder = texts_folder()
    reference = folder / "text_en_wikitext2" / "valid.txt"
    if not reference.is_file():
        raise BenchSkipped(f"{reference} is not there; without it there is no text of reference")
    rows = list(rows_of(folder / "quality_dclm_human" / "majority_data.jsonl.zst"))
    sides = np.array([bool(row["label"]) for row in rows])
    yield (
        "perplexity_auc_quality",
        auc_of([reference.read_text(encoding="utf-8")], [row["text"] for row in rows], sides),
    )
    domain = [" ".join(row["contexts"]) for path in files_of(folder / "domain_pubmedqa") for row in rows_of(path)]
    corpus = neutral(folder, megabytes=MEGABYTES)
    others = [text for name, text in corpus.items() if name.startswith("en-")][:NUM_OTHERS]
    asked = [*domain[1::2], *others]
    yield "perplexity_auc_domain", auc_of(domain[::2], asked, np.arange(len(asked)) < len(domain[1::2]))
    place = bench.root / "perplexity.jsonl"
    place.write_text("".join(json.dumps(text) + "\n" for text in corpus.values()), encoding="utf-8")
    megabytes = sum(len(text.encode()) for text in corpus.values()) / 1e6
    for what in ("perplexity", "word_list"):
        seconds = float(bench.module("perplexity_child", what, str(place), extra=ONE_THREAD))
        yield f"{what}_mb_s_core", megabytes / seconds


def auc_of(reference: Sequence[str], texts: Sequence[str], sides: Sides) -> float:
    """The AUC of fewer bits per byte, of the texts that have any."""
    ngrams, _ = learn_reference(Reference(tuple(reference), 0), "bench")
    bits = np.asarray(bits_per_byte(pa.array(texts, pa.large_string()), ngrams).to_numpy(zero_copy_only=False))
    known = ~np.isnan(bits)
    return roc_auc(-bits[known], sides[known])


def corpus_of(place: Path) -> list[str]:
    """The texts that were written for the speed."""
    return [json.loads(line) for line in place.read_text(encoding="utf-8").split("\n") if line]
