"""`python datatrove_filters.py seconds|decisions TEXTS.jsonl spacy|whitespace`: what datatrove's filters take and say.

Runs in datatrove's own environment, so nothing of ours is imported. "seconds": CPU seconds of GopherRepetition, then
GopherQuality for what it leaves, as a pipeline of datatrove does; the words of a document are split once (its own
cache). "decisions": for each of four filters with its default parameters, which documents it keeps. With "whitespace"
its words are what stands between blanks.
"""

import json
import os
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    gopher_quality_filter,
    gopher_repetition_filter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter

WARM_DOCUMENTS = 20


def is_kept(one: BaseFilter, text: str) -> bool:
    """Whether a filter keeps a text; it may say why not."""
    verdict = one.filter(Document(text=text, id="0"))
    return bool(verdict if isinstance(verdict, bool) else verdict[0])


def pipeline(texts: list[str]) -> float:
    """The two filters one after the other; CPU seconds."""
    repetition, quality = GopherRepetitionFilter(), GopherQualityFilter()
    started = time.process_time()
    for text in texts:
        if is_kept(repetition, text):
            is_kept(quality, text)
    return time.process_time() - started


def decisions(texts: list[str]) -> dict[str, list[bool]]:
    """Which texts each filter keeps."""
    filters = (GopherQualityFilter(), GopherRepetitionFilter(), C4QualityFilter(), FineWebQualityFilter())
    return {type(one).__name__.removesuffix("Filter"): [is_kept(one, text) for text in texts] for one in filters}


def main() -> None:
    """Print one JSON value as the last line."""
    what, place, words = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if words == "whitespace":
        for module in (gopher_quality_filter, gopher_repetition_filter):
            module.split_into_words = lambda text, language: text.split()
    lines = Path(place).read_text(encoding="utf-8").split("\n")
    texts = [json.loads(line)["text"] for line in lines if line]
    if what == "seconds":
        pipeline(texts[:WARM_DOCUMENTS])
    print(json.dumps(pipeline(texts) if what == "seconds" else decisions(texts)))


if __name__ == "__main__":
    main()
