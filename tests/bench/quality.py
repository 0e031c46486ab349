"""Quality signals: their speed on one core, beside datatrove's two Gopher filters, and its decisions in parity mode.

    quality_signals_mb_s_core                  the demo's documents: technical English
    quality_signals_mb_s_core_prose, _zh       English and Chinese halves of the neutral corpus (corpora.py), 12 MB each
    quality_signals_vs_datatrove               the demo's over GopherRepetition and GopherQuality of datatrove
    quality_signals_vs_datatrove_whitespace    the same where datatrove splits words at blanks
    filter_agreement                           `words = "spacy"` decides as datatrove's four filters; the worst one

Speeds are MB of UTF-8 over CPU seconds of one process on one core (one_core.py), texts in memory, compiled and loaded:
the fastest of five, as other work on the machine only adds. Ours are all signals of all documents, by the function that
the maker calls, without language and without files. datatrove does what its pipeline would: repetition, then quality
for what is left, the words of a document split once; on every tenth of the same documents, as it takes minutes for all.

Agreement is the share of documents on which a filter with its default parameters and the rules of its set say the same,
on English of the neutral corpus and the demo's documents, up to 4 MB of each; the lowest of the four filters counts.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.corpora import LONGEST, neutral, texts_folder
from tests.bench.documents import texts_of, write_jsonl
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.peers import DATATROVE, datatrove_python
from tests.bench.workbench import BenchSkipped, Workbench

FIGURES = (
    Figure("quality_signals_mb_s_core", "MB/s/core", "higher", "all quality signals, the demo's documents", 90),
    Figure(
        "quality_signals_vs_datatrove", "times", "higher", "that over datatrove's two Gopher filters", 100, DATATROVE
    ),
    Figure(
        "quality_signals_vs_datatrove_whitespace",
        "times",
        "higher",
        "the same, datatrove with words between blanks",
        25,
        DATATROVE,
    ),
    Figure("quality_signals_mb_s_core_prose", "MB/s/core", "higher", "all quality signals, English prose", 75),
    Figure("quality_signals_mb_s_core_zh", "MB/s/core", "higher", "all quality signals, Chinese", 55),
    Figure(
        "filter_agreement", "share", "higher", "same decisions as datatrove's filters in parity mode", 0.995, DATATROVE
    ),
)
MEGABYTES = 24  # of the neutral corpus: half of it in each language
EVERY = 10  # of the documents, for datatrove
AGREEMENT_MEGABYTES = 4


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    home = bench.root / "quality"
    demo = [text for text in texts_of(bench.data_half.workspace) if len(text) <= LONGEST]
    speed = _speed(bench, home / "demo.jsonl", demo)
    yield "quality_signals_mb_s_core", speed
    for words, end in (("spacy", ""), ("whitespace", "_whitespace")):
        yield f"quality_signals_vs_datatrove{end}", speed / _their_speed(bench, home / "demo-part.jsonl", demo, words)
    corpus = neutral(texts_folder(), megabytes=MEGABYTES)
    prose, chinese = ([text for name, text in corpus.items() if name.startswith(f"{word}-")] for word in ("en", "zh"))
    yield "quality_signals_mb_s_core_prose", _speed(bench, home / "prose.jsonl", prose)
    yield "quality_signals_mb_s_core_zh", _speed(bench, home / "zh.jsonl", chinese)
    yield "filter_agreement", _agreement(bench, home / "agreement.jsonl", [*_some(prose), *_some(demo)])


def _speed(bench: Workbench, place: Path, texts: Sequence[str]) -> float:
    megabytes = write_jsonl(texts, place)
    seconds = bench.module("quality_child", "seconds", str(place), extra=ONE_THREAD)
    bench.say(f"{place.stem}: {len(texts)} documents, {megabytes:.1f} MB in {seconds:.3f} CPU seconds")
    return megabytes / float(seconds)


def _their_speed(bench: Workbench, place: Path, texts: Sequence[str], words: str) -> float:
    megabytes = write_jsonl(texts[::EVERY], place)
    speed = megabytes / float(_datatrove(bench, "seconds", place, words))
    bench.say(f"{DATATROVE}, {words}: {speed:.3f} MB/s/core on {megabytes:.1f} MB")
    return speed


def _some(texts: Sequence[str]) -> Iterator[str]:
    """Documents from all over, up to the size that is compared."""
    step = max(1, int(sum(len(text.encode()) for text in texts) / 1e6 / AGREEMENT_MEGABYTES))
    return iter(texts[::step])


def _agreement(bench: Workbench, place: Path, texts: Sequence[str]) -> float:
    write_jsonl(texts, place)
    theirs = _datatrove(bench, "decisions", place, "spacy")
    ours = bench.module("quality_child", "decisions", str(place))
    if ours.keys() != theirs.keys():
        raise BenchSkipped(f"the filters are others: {sorted(ours)} and {sorted(theirs)}")
    shares = {
        name: sum(a == b for a, b in zip(ours[name], theirs[name], strict=True)) / len(texts) for name in sorted(ours)
    }
    bench.say(f"{len(texts)} documents: {', '.join(f'{name} {share:.4f}' for name, share in shares.items())}")
    return min(shares.values())


def _datatrove(bench: Workbench, what: str, place: Path, words: str) -> Any:
    program = Path(__file__).with_name("datatrove_filters.py")
    argv = [datatrove_python(bench), str(program), what, str(place), words]
    return json.loads(bench.output(argv, ONE_THREAD).splitlines()[-1])
