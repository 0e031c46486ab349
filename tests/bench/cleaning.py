"""Clean as a whole: from ingested documents to the verdicts on them, default steps on, from files to files.

    clean_text_mb_s_core                the demo's documents: technical English, 1 kB each
    clean_text_mb_s_core_prose, _zh     English and Chinese halves of the neutral corpus (corpora.py), 12 MB each
    clean_html_mb_s_core                the 90 pages of article-extraction-benchmark (extraction.py), MB of HTML

MB that go in, over CPU seconds of one warm process on one core and of all that it starts (one_core.py,
cleaning_child.py): inputs opened and compared with their digests, text, signals, terms, judgement, ledger, every file
digested, flushed and sealed. The median of three, each in a copy of the same workspace.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.bench.corpora import LONGEST, neutral, texts_folder
from tests.bench.documents import texts_of, write_config, write_jsonl
from tests.bench.extraction import pages_folder, pages_in
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.refresh import ASKS_FOR_ALL, WARM_DOCUMENTS
from tests.bench.workbench import Workbench

UNIT = "MB/s/core"
OF_TEXT = (
    Figure("clean_text_mb_s_core", UNIT, "higher", "clean, files to files, the demo's documents", 30),
    Figure("clean_text_mb_s_core_prose", UNIT, "higher", "clean, files to files, English prose", 35),
    Figure("clean_text_mb_s_core_zh", UNIT, "higher", "clean, files to files, Chinese", 30),
)
OF_PAGES = (Figure("clean_html_mb_s_core", UNIT, "higher", "clean, files to files, 90 pages of the web", 12),)
MEGABYTES = 24  # of the neutral corpus: half of it in each language
ROUNDS = 3
PAGES = "html_en_aeb/html.tar.zst"


class OfText:
    """Documents that are text."""

    FIGURES: Sequence[Figure] = OF_TEXT

    def measure(self, bench: Workbench) -> Iterator[tuple[str, float]]:
        """See the module."""
        demo = [text for text in texts_of(bench.data_half.workspace) if len(text) <= LONGEST]
        yield OF_TEXT[0].name, _of_texts(bench, "demo", demo)
        corpus = neutral(texts_folder(), megabytes=MEGABYTES)
        for figure, word in zip(OF_TEXT[1:], ("en", "zh"), strict=True):
            yield figure.name, _of_texts(bench, word, [text for name, text in corpus.items() if name.startswith(word)])


class OfPages:
    """Documents that are pages."""

    FIGURES: Sequence[Figure] = OF_PAGES

    def measure(self, bench: Workbench) -> Iterator[tuple[str, float]]:
        """See the module."""
        pages = pages_in(pages_folder() / PAGES)
        home = bench.root / "clean-pages"
        warm, full = home / "warm", home / "full"
        for folder, names in ((warm, sorted(pages)[:2]), (full, sorted(pages))):
            folder.mkdir(parents=True)
            for name in names:
                (folder / name.replace("/", "-")).write_bytes(pages[name])
        yield OF_PAGES[0].name, _speed(bench, warm, full, sum(map(len, pages.values())) / 1e6)


TEXT, HTML = OfText(), OfPages()


def _of_texts(bench: Workbench, name: str, texts: Sequence[str]) -> float:
    home = bench.root / f"clean-{name}"
    write_jsonl([*texts[:: max(1, len(texts) // WARM_DOCUMENTS)], *ASKS_FOR_ALL], home / "warm" / "one.jsonl")
    megabytes = write_jsonl(texts, home / "full" / "one.jsonl")
    return _speed(bench, home / "warm", home / "full", megabytes)


def _speed(bench: Workbench, warm: Path, full: Path, megabytes: float) -> float:
    """MB a CPU second, the median of a few copies of a workspace in which the documents are ingested."""
    home = full.parent
    configs = [
        write_config(home / f"{one.name}.toml", folder=one, workspace=home / f"in-{one.name}") for one in (warm, full)
    ]
    for config in configs:
        bench.configured("ingest", config)
    copies = [shutil.copytree(home / "in-full", home / f"copy-{number}") for number in range(ROUNDS)]
    done = bench.module("cleaning_child", str(config), str(home / "in-warm"), *map(str, copies), extra=ONE_THREAD)
    makers = ", ".join(f"{name} {seconds:.3f}" for name, seconds in done["makers"].items())
    bench.say(f"clean of {done['documents']} documents, {megabytes:.1f} MB, {done['kept']} kept; CPU seconds: {makers}")
    shutil.rmtree(home)
    return megabytes / median(done["seconds"])
