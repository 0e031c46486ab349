"""Language: how many paragraphs of the Declaration of Human Rights are told right, and what telling costs.

Below the folder that the environment names in BENCH_TEXTS: `langid_udhr/*.jsonl.zst`, each line {lang, text}: a
paragraph in one of 387 languages and ways to write them. A verdict is en, zh or another; Scots and pidgins are others.
Times are of the model alone, which here reads all of them: CPU seconds, by turns with py3langid (languages_child.py).
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import zstandard

from pipeline_lib.text.characters import KANA, in_brackets
from tests.bench.corpora import texts_folder
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import BenchSkipped, Workbench

PEER = "py3langid==0.4.0"
FIGURES = (
    Figure("language_verdicts_right", "share", "higher", "UDHR in 387 languages told as en, zh or other", 0.999),
    Figure("language_f1_en", "F1", "higher", "English among them, one paragraph in 400"),
    Figure("language_f1_zh", "F1", "higher", "Chinese among them, in both scripts", 0.99),
    Figure("language_f1_ja", "F1", "higher", "Japanese among them", 0.99),
    Figure("language_kanji_alone", "share", "higher", "Japanese ones without their kana that are Japanese", 0.99),
    Figure("language_us_document", "us", "lower", "one of these paragraphs by the model, one core"),
    Figure("language_vs_py3langid", "times", "higher", "py3langid's time over ours, by turns", 4.0, PEER),
)
NAMES = {"eng": "en", "cmn_hans": "zh", "cmn_hant": "zh", "jpn": "ja"}  # of the set, and of ours
VERDICTS = ("en", "zh")
_KANA = re.compile(f"[{in_brackets(KANA)}ー]")


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    rows = paragraphs(texts_folder())
    texts = pa.array([text for _, text in rows], pa.large_string())
    truth = [NAMES.get(name, "other") for name, _ in rows]
    told = _told(texts)
    bench.say(f"{len(rows)} paragraphs of {len({name for name, _ in rows})} languages")
    yield "language_verdicts_right", share_of_verdicts(truth, told)
    for language in ("en", "zh", "ja"):
        yield f"language_f1_{language}", f1(language, truth, told)
    kanji = [_KANA.sub("", text) for name, text in rows if name == "jpn"]
    alone = _told(pa.array([text for text in kanji if text.strip()], pa.large_string()))
    yield "language_kanji_alone", alone.count("ja") / max(len(alone), 1)
    seconds = bench.module("languages_child", extra=ONE_THREAD)
    yield "language_us_document", seconds["ours"] / len(rows) * 1e6
    yield "language_vs_py3langid", seconds["theirs"] / seconds["ours"]


def paragraphs(folder: Path) -> list[tuple[str, str]]:
    """Names of languages, as the set has them, and texts. Raises `BenchSkipped` where there is no such set."""
    files = sorted((folder / "langid_udhr").glob("*.jsonl.zst"))
    if not files:
        raise BenchSkipped(f"{folder} holds no langid_udhr/*.jsonl.zst; without it nothing is known of languages")
    rows = []
    for path in files:
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            rows += [(row["lang"], row["text"]) for row in map(json.loads, file)]
    return rows


def share_of_verdicts(truth: Sequence[str], told: Sequence[str | None]) -> float:
    """How many are called what they are of en, zh and anything else."""
    pairs = zip(truth, told, strict=True)
    return sum(_verdict(right) == _verdict(ours) for right, ours in pairs) / max(len(truth), 1)


def _verdict(name: str | None) -> str:
    return name if name in VERDICTS else "other"


def f1(language: str, truth: Sequence[str], told: Sequence[str | None]) -> float:
    """Of one language: harmonic mean of precision and recall."""
    pairs = list(zip(truth, told, strict=True))
    found = sum(right == ours == language for right, ours in pairs)
    wrong = sum((right == language) != (ours == language) for right, ours in pairs)
    return 2 * found / max(2 * found + wrong, 1)


def _told(texts: pa.LargeStringArray) -> list[str | None]:
    from pipeline_lib.clean.signals import LANGUAGE, signals_of

    found: list[str | None] = signals_of(texts)[LANGUAGE].to_pylist()
    return found
