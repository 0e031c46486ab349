"""Extraction: how much of the main text of pages is found, and how much besides, as F1 against what people marked.

The environment names a folder of pages: BENCH_PAGES. Below it each set has `html.tar.zst` and a file of JSON Lines:
    html_en_aeb             ground_truth.jsonl: {id, articleBody}; article-extraction-benchmark, measured as it does:
                            runs of four words, each as often as it stands there; means of precision and of recall
    html_multi_trafilatura  evaldata.jsonl: {file, with, without}; trafilatura's own set: excerpts that must be found,
    html_zh_gne             and that must not, over all pages; a page with "gold": false is left out
The same with `clean.extractor = "resiliparse"`, and how many times as fast it reads all of these pages, by CPU time of
both in one run.
"""

import io
import json
import os
import re
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import zstandard

from pipeline_lib.clean.extract import extract_page
from pipeline_lib.clean.extract_bulk import Extractor
from pipeline_lib.ingest.charset import decode_html
from tests.bench.figures import Figure
from tests.bench.workbench import BenchSkipped, Workbench

VARIABLE = "BENCH_PAGES"
EXTRACTORS: dict[Extractor, str] = {"trafilatura": "", "resiliparse": "_bulk"}
FIGURES = (
    Figure("extraction_f1_en", "F1", "higher", "main text of 90 English pages, against gold in full", 0.96),
    Figure("extraction_f1_multi", "F1", "higher", "481 pages in German and others, against excerpts", 0.925),
    Figure("extraction_f1_zh", "F1", "higher", "36 Chinese news pages, against excerpts by rule (+-.03)", 0.93),
    Figure("extraction_f1_en_bulk", "F1", "higher", "the English pages by resiliparse"),
    Figure("extraction_f1_multi_bulk", "F1", "higher", "those in German and others"),
    Figure("extraction_f1_zh_bulk", "F1", "higher", "the Chinese ones"),
    Figure("extraction_bulk_speed_ratio", "times", "higher", "by resiliparse over by default, all these pages"),
)
RUN_OF_WORDS = 4

Hits = tuple[int, int, int]  # found, found besides, missed
Row = Mapping[str, Any]


def measure(_bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    seconds = dict.fromkeys(EXTRACTORS, 0.0)
    for name, folder, gold, hits_of, f1 in SETS:
        marked = _marked(pages_folder() / folder, gold)
        for extractor, end in EXTRACTORS.items():
            extract_page(marked[0][1], extractor)  # imports
            began = time.process_time()
            texts = [extract_page(page, extractor).text or "" for _, page in marked]
            seconds[extractor] += time.process_time() - began
            hits = [hits_of(row, text) for (row, _), text in zip(marked, texts, strict=True)]
            yield f"{name}{end}", f1(hits)
    yield "extraction_bulk_speed_ratio", seconds["trafilatura"] / seconds["resiliparse"]


def pages_folder() -> Path:
    """The folder that the environment names. Raises `BenchSkipped` when it names none that is there."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_dir():
        raise BenchSkipped(f"{VARIABLE} names no folder of pages; without one nothing is known of extraction")
    return Path(named)


def _marked(folder: Path, gold: str) -> list[tuple[Row, str]]:
    """What people marked, and the page that they marked it in."""
    pages = pages_in(folder / "html.tar.zst")
    rows = [json.loads(line) for line in (folder / gold).read_text(encoding="utf-8").splitlines()]
    marked = [row for row in rows if row.get("gold", True)]
    return [(row, decode_html(pages[row.get("file") or f"{row['id']}.html"]).text) for row in marked]


def pages_in(archive: Path) -> dict[str, bytes]:
    """The files of an archive by name."""
    with archive.open("rb") as stream, zstandard.ZstdDecompressor().stream_reader(stream) as plain:
        content = plain.read()
    with tarfile.open(fileobj=io.BytesIO(content)) as unpacked:
        opened = {member.name: unpacked.extractfile(member) for member in unpacked}
        return {name: stream.read() for name, stream in opened.items() if stream is not None}


def f1_of_sums(hits: Sequence[Hits]) -> float:
    """Of all pages together."""
    found, besides, missed = (sum(column) for column in zip(*hits, strict=True))
    return 2 * found / max(2 * found + besides + missed, 1)


def f1_of_means(hits: Sequence[Hits]) -> float:
    """Of the mean precision and the mean recall of pages."""
    precision = fmean(found / max(found + besides, 1) if besides + missed else 1.0 for found, besides, missed in hits)
    recall = fmean(found / max(found + missed, 1) if besides + missed else 1.0 for found, besides, missed in hits)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def in_runs(row: Row, text: str) -> Hits:
    """Runs of four words."""
    gold, ours = _runs(row["articleBody"]), _runs(text)
    return (gold & ours).total(), (ours - gold).total(), (gold - ours).total()


def _runs(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[at : at + RUN_OF_WORDS]) for at in range(max(len(words) - RUN_OF_WORDS, -1) + 1))


def in_excerpts(row: Row, text: str) -> Hits:
    """Excerpts that must be in the text, and that must not."""
    found = sum(excerpt in text for excerpt in row["with"])
    return found, sum(excerpt in text for excerpt in row["without"]), len(row["with"]) - found


SETS: tuple[tuple[str, str, str, Callable[[Row, str], Hits], Callable[[Sequence[Hits]], float]], ...] = (
    ("extraction_f1_en", "html_en_aeb", "ground_truth.jsonl", in_runs, f1_of_means),
    ("extraction_f1_multi", "html_multi_trafilatura", "evaldata.jsonl", in_excerpts, f1_of_sums),
    ("extraction_f1_zh", "html_zh_gne", "evaldata.jsonl", in_excerpts, f1_of_sums),
)
