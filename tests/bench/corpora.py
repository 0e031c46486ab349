"""Corpora that are not the demo's: real English and Chinese texts of a folder, in any size, by 1 % new or edited.

    corpus = neutral(texts_folder(), megabytes=200)      {id: text}, the same for the same folder, size and seed
    first, later = one_percent_new(corpus)               every hundredth document comes later
    edited = one_percent_edited(corpus)                  the same ids; every hundredth text has changed

The folder is what the environment names in BENCH_TEXTS: below it `text_en_*` and `text_zh_*`, each with JSON Lines
that have a field `text` (also compressed, `.jsonl.zst`) or plain `.txt`. Half of the bytes are English, half Chinese.
What the folder holds comes first, as it is. A corpus that is larger goes on with documents dealt from its paragraphs:
runs of a few of them from random places, as many as a document of the folder has characters. So paragraphs come back,
whole documents do not: such a corpus has the cost of its size, and next to no near duplicates.
"""

import json
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import zstandard

from tests.bench.workbench import BenchFailed

VARIABLE = "BENCH_TEXTS"
LANGUAGES = ("en", "zh")
SHORTEST, LONGEST = 200, 30_000  # characters; beside them documents are left out as they are in refresh.py
RUN_PARAGRAPHS = 8  # at most, from one place
EVERY = 100

Documents = Mapping[str, str]  # text by id


def texts_folder() -> Path:
    """The folder that the environment names. Raises `BenchFailed` when it names none that is there."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_dir():
        raise BenchFailed(f"{VARIABLE} names no folder of texts; without one nothing is measured on a neutral corpus")
    return Path(named)


def described(folder: Path, documents: Documents) -> str:
    """What a corpus is made of, for whoever reads a figure: files, documents, megabytes."""
    files = [path for language in LANGUAGES for path in _files(folder, language) if any(_texts(path))]
    names = [str(path.relative_to(folder)) for path in files]
    return f"{len(documents)} documents, {_megabytes(documents):.0f} MB from {', '.join(names)}"


def neutral(folder: Path, *, megabytes: float, seed: int = 0) -> dict[str, str]:
    """Documents of at least that size, half of it in each language, dealt by turns."""
    dealt = [_dealt(folder, language, megabytes / len(LANGUAGES), seed) for language in LANGUAGES]
    longest = max(map(len, dealt))
    return {
        f"{language}-{number}": texts[number]
        for number in range(longest)
        for language, texts in zip(LANGUAGES, dealt, strict=True)
        if number < len(texts)
    }


def one_percent_new(documents: Documents) -> tuple[dict[str, str], dict[str, str]]:
    """What a first night reads, and what comes before the second one."""
    later = {name for at, name in enumerate(documents) if at % EVERY == 0}
    first = {name: text for name, text in documents.items() if name not in later}
    return first, {name: text for name, text in documents.items() if name in later}


def one_percent_edited(documents: Documents) -> dict[str, str]:
    """The same documents, a hundredth of them, evenly spread, with another end."""
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


def _dealt(folder: Path, language: str, megabytes: float, seed: int) -> list[str]:
    """The folder's documents in that language in order of its files, then dealt ones, until the size is reached."""
    natural = [text for path in _files(folder, language) for text in _texts(path) if SHORTEST <= len(text) <= LONGEST]
    if not natural:
        raise BenchFailed(
            f"{folder}: holds no text in text_{language}_*; {VARIABLE} names another folder than it should"
        )
    found: list[str] = []
    left = megabytes * 1e6
    for text in _natural_then_dealt(natural, random.Random(f"{language} {seed}")):
        if left <= 0:
            break
        found.append(text)
        left -= len(text.encode())
    return found


def _natural_then_dealt(natural: list[str], dice: random.Random) -> Iterator[str]:
    yield from natural
    paragraphs = [paragraph for text in natural for paragraph in text.split("\n") if paragraph.strip()]
    while True:
        length, found, num_characters = len(dice.choice(natural)), [], 0
        while num_characters < length:
            start = dice.randrange(len(paragraphs))
            run = paragraphs[start : start + dice.randint(1, RUN_PARAGRAPHS)]
            found += run
            num_characters += sum(map(len, run))
        yield "\n".join(found)[:LONGEST]


def _files(folder: Path, language: str) -> list[Path]:
    found = folder.glob(f"text_{language}_*/*")
    return sorted(path for path in found if path.name.endswith((".jsonl", ".jsonl.zst", ".txt")))


def _texts(path: Path) -> Iterator[str]:
    """The documents of a file; a plain one is cut into documents at empty lines, where they are long enough."""
    with _opened(path) as file:
        if path.suffix != ".txt":
            yield from (text for line in file if isinstance(text := json.loads(line).get("text"), str))
            return
        kept = ""
        for block in file.read().split("\n\n"):
            kept += block + "\n"
            if len(kept) >= 10 * SHORTEST:
                yield kept
                kept = ""
        yield kept


def _opened(path: Path) -> TextIO:
    return zstandard.open(path, "rt", encoding="utf-8") if path.suffix == ".zst" else path.open(encoding="utf-8")


def _megabytes(documents: Documents) -> float:
    return sum(len(text.encode()) for text in documents.values()) / 1e6
