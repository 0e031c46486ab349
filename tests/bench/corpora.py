"""Corpora of the benches, in any size, the same each time; and how one percent of them is new or edited.

    corpus = documentation(texts, megabytes=200)         {id: text}, of the demo's documents, records of 1 to 8 kB
    corpus = neutral(texts_folder(), megabytes=20)       English and Chinese texts of a folder: the neutral corpus
    first, later = one_percent_new(corpus)               every hundredth document comes later
    edited = one_percent_edited(corpus)                  the same ids; every hundredth text has a sentence more

The folder is what the environment names in BENCH_TEXTS: below it `text_en_*` and `text_zh_*`, each with JSON Lines
that have a field `text` or `context_text` (also compressed, `.jsonl.zst`) or plain `.txt`. Half of the bytes are
English, half Chinese, and files take turns.

What there is comes first, as it is. A corpus that is larger goes on with documents dealt from its lines: runs of a few
of them from random places. So lines come back, whole documents do not: such a corpus has the cost of its size, and few
near duplicates. (Of 20 MB of documentation 95 % pass the rules, and 3 % of those are duplicates.)
"""

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import TextIO

import zstandard

from tests.bench.workbench import BenchFailed, BenchSkipped

VARIABLE = "BENCH_TEXTS"
LANGUAGES = ("en", "zh")
SHORTEST, LONGEST = 200, 30_000  # characters; beside them documents are left out as they are in refresh.py
FIELDS = ("text", "context_text")  # of JSON Lines
PIECE = 2_000  # characters of a document of a plain file
RECORD = (1_000, 8_000)  # characters of a record of documentation
RUN_LINES = 8  # at most, from one place
EVERY = 100

Documents = Mapping[str, str]  # text by id


def texts_folder() -> Path:
    """The folder that the environment names. Raises `BenchSkipped` when it names none that is there."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_dir():
        raise BenchSkipped(f"{VARIABLE} names no folder of texts; without one nothing is measured on a neutral corpus")
    return Path(named)


def described(folder: Path, documents: Documents) -> str:
    """What a corpus is made of, for whoever reads a figure: files, documents, megabytes."""
    files = [path for language in LANGUAGES for path in _files(folder, language) if any(_texts(path))]
    names = [str(path.relative_to(folder)) for path in files]
    return f"{len(documents)} documents, {_megabytes(documents):.0f} MB from {', '.join(names)}"


def neutral(folder: Path, *, megabytes: float, seed: int = 0) -> dict[str, str]:
    """Documents of at least that size, half of it in each language, dealt by turns."""
    dealt = [_of_language(folder, language, megabytes / len(LANGUAGES), seed) for language in LANGUAGES]
    longest = max(map(len, dealt))
    return {
        f"{language}-{number}": texts[number]
        for number in range(longest)
        for language, texts in zip(LANGUAGES, dealt, strict=True)
        if number < len(texts)
    }


def documentation(texts: Sequence[str], *, megabytes: float, seed: int = 0) -> dict[str, str]:
    """Records of at least that size in all: those of the texts that have the size of one, then dealt ones.

    Raises `BenchFailed` when no text has it.
    """
    shortest, longest = RECORD
    dice = random.Random(f"documentation {seed}")
    natural = [text for text in texts if shortest <= len(text) <= longest]
    if not natural:
        raise BenchFailed("no document of the demo has the size of a record: is its documentation installed?")
    dealt = _dealt(texts, dice, lambda: round(shortest * (longest / shortest) ** dice.random()), longest)
    return {f"doc-{number}": text for number, text in enumerate(_as_many(chain(natural, dealt), megabytes))}


def one_percent_new(documents: Documents) -> tuple[dict[str, str], dict[str, str]]:
    """What a first night reads, and what comes before the second one."""
    later = {name for at, name in enumerate(documents) if at % EVERY == 0}
    first = {name: text for name, text in documents.items() if name not in later}
    return first, {name: text for name, text in documents.items() if name in later}


def one_percent_edited(documents: Documents) -> dict[str, str]:
    """The same documents, a hundredth of them, evenly spread, with one sentence more at the end."""
    edited = "\nThis page was edited. 本页已修改。"
    return {name: text + edited if at % EVERY == 0 else text for at, (name, text) in enumerate(documents.items())}


def write_documents(documents: Documents, folder: Path, *, num_files: int) -> float:
    """As JSON Lines files of about the same number of documents, neighbours together; megabytes of text."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n" for name, text in documents.items()]
    each = -(-len(lines) // num_files)
    for number in range(num_files):
        part = lines[number * each : (number + 1) * each]
        (folder / f"{number:03d}.jsonl").write_text("".join(part), encoding="utf-8")
    return _megabytes(documents)


def _of_language(folder: Path, language: str, megabytes: float, seed: int) -> list[str]:
    """The folder's documents in that language, from its files by turns, then dealt ones, until the size is reached."""
    rows = zip_longest(*map(_texts, _files(folder, language)), fillvalue="")
    natural = [text for row in rows for text in row if SHORTEST <= len(text) <= LONGEST]
    if not natural:
        raise BenchFailed(
            f"{folder}: holds no text in text_{language}_*; {VARIABLE} names another folder than it should"
        )
    dice = random.Random(f"{language} {seed}")
    return list(_as_many(chain(natural, _dealt(natural, dice, lambda: len(dice.choice(natural)), LONGEST)), megabytes))


def _as_many(texts: Iterable[str], megabytes: float) -> Iterator[str]:
    """The first of them, until that size is reached."""
    left = megabytes * 1e6
    for text in texts:
        if left <= 0:
            return
        yield text
        left -= len(text.encode())


def _dealt(texts: Sequence[str], dice: random.Random, length: Callable[[], int], longest: int) -> Iterator[str]:
    """Documents without end, of runs of lines from random places, each of about `length()` characters."""
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    while True:
        wanted, found, num_characters = length(), [], 0
        while num_characters < wanted:
            start = dice.randrange(len(lines))
            run = lines[start : start + dice.randint(1, RUN_LINES)]
            found += run
            num_characters += sum(map(len, run))
        yield "\n".join(found)[:longest]


def _files(folder: Path, language: str) -> list[Path]:
    found = folder.glob(f"text_{language}_*/*")
    return sorted(path for path in found if path.name.endswith((".jsonl", ".jsonl.zst", ".txt")))


def _texts(path: Path) -> Iterator[str]:
    """The documents of a file; a plain one is cut into documents at the end of a line, where they are long enough."""
    with _opened(path) as file:
        if path.suffix != ".txt":
            rows = map(json.loads, file)
            yield from (row[name] for row in rows for name in FIELDS if isinstance(row.get(name), str))
            return
        kept = ""
        for line in file:
            kept += line
            if len(kept) >= PIECE:
                yield kept
                kept = ""
        yield kept


def _opened(path: Path) -> TextIO:
    return zstandard.open(path, "rt", encoding="utf-8") if path.suffix == ".zst" else path.open(encoding="utf-8")


def _megabytes(documents: Documents) -> float:
    return sum(len(text.encode()) for text in documents.values()) / 1e6
