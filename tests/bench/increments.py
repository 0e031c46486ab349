"""Nights in which little is new: one limit moved, 1 % more documents, 1 % edited ones. CPU over the first night's.

    retune_ratio                                       the demo; `clean.rules.min_words` moves from 50 to 40
    one_percent_new_ratio, one_percent_edited_ratio    200 MB of documentation (corpora.py) in 32 JSON Lines files

Each is the CPU seconds that the night's data half took, over those of the first night in the same workspace: of all its
processes, from the start of Python to the end of the last worker, loading and the look at the sources included; without
Prefect (data_half.py). The first night trains the tokenizer, as first nights do. First come all documents but every
hundredth, then those, in two more files, then the first ones again with a sentence more in every hundredth record, all
over the 32 files. The demo's data half goes before, so that no kernel is compiled in any of them.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.corpora import Documents, documentation, one_percent_edited, one_percent_new, write_documents
from tests.bench.documents import texts_of, write_config
from tests.bench.figures import Figure
from tests.bench.workbench import Workbench

FIGURES = (
    Figure("retune_ratio", "ratio", "lower", "data half with one limit of a rule moved, over the first night", 0.35),
    Figure("worker_load_seconds", "s", "lower", "what each worker loads before its first job, while Prefect starts"),
    Figure("one_percent_new_ratio", "ratio", "lower", "data half with 1 % more documents, over the first night", 0.10),
    Figure("one_percent_edited_ratio", "ratio", "lower", "the same with 1 % of the records edited, all over", 0.10),
)
MEGABYTES = 200
NUM_FILES, NUM_MORE_FILES = 32, 2
MOVED = ("--clean.rules.min_words.v1.at_least", "40")
LOADS = 3


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    texts = texts_of(bench.data_half.workspace)
    yield "retune_ratio", _retuned(bench, bench.root / "retuned")
    yield "worker_load_seconds", median(float(bench.module("load")) for _ in range(LOADS))
    yield from _one_percent(bench, documentation(texts, megabytes=MEGABYTES), bench.root / "one-percent")


def _one_percent(bench: Workbench, corpus: Documents, home: Path) -> Iterator[tuple[str, float]]:
    most, later = one_percent_new(corpus)
    bench.say(f"{len(most)} documents, then {len(later)} more, then as many edited")
    write_documents(most, home / "source" / "first", num_files=NUM_FILES)
    first = _night(bench, home, "first night")
    write_documents(later, home / "source" / "later", num_files=NUM_MORE_FILES)
    yield "one_percent_new_ratio", _night(bench, home, "1 % new") / first
    write_documents(one_percent_edited(most), home / "source" / "first", num_files=NUM_FILES)
    yield "one_percent_edited_ratio", _night(bench, home, "1 % edited") / first
    shutil.rmtree(home)


def _night(bench: Workbench, home: Path, what: str) -> float:
    config = write_config(home / "bench.toml", folder=home / "source", workspace=home / "workspace")
    return _data_half(bench, what, str(config))


def _retuned(bench: Workbench, workspace: Path) -> float:
    """The demo with one limit moved over the demo's first night."""
    first = _data_half(bench, "the demo's first night", "--workspace", str(workspace))
    return _data_half(bench, "one limit moved", "--workspace", str(workspace), *MOVED) / first


def _data_half(bench: Workbench, what: str, *arguments: str) -> float:
    """CPU seconds of a night's data half."""
    done = bench.module("data_half", *arguments)
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in done["stages"].items())
    bench.say(f"{what}: {done['cpu_seconds']:.2f} CPU s, {done['documents']} documents to train (wall s: {stages})")
    return float(done["cpu_seconds"])
