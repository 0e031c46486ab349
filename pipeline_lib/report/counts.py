"""What a page counts: one bag of keys and numbers, so that shards, batches and nights add up by adding bags.

    counts[OUT, "clean", "press", "zh"]     documents of the source press in Chinese that clean has kept
    split(counts, OUT, 0)                   {"ingest": 5412, "clean": 4911, ...}: summed over all but the first place

A bag holds no text and no name of a document, so it may be kept, and shown to whoever may see a manifest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Key = tuple[str, ...]
Counts = Counter[Key]

# Kinds of keys, and what stands in their places.
IN: Final = "in"  # stage, source, language: documents that came in
OUT: Final = "out"  # the same of those that are kept
BYTES: Final = "bytes"  # the same: bytes of their text, in UTF-8
DROPPED: Final = "dropped"  # stage, reason, source
FAILED: Final = "failed"  # rule, source: documents that fail it, whatever else they fail
ALONE: Final = "alone"  # rule, source: of these the ones that fail nothing else
VALUE: Final = "value"  # signal, value to three digits
FILLED: Final = "filled"  # field, source: documents that tell it
FETCHED: Final = "fetched"  # month ("2026-11"), source
WRITTEN: Final = "written"  # year, source
TOKENS: Final = "tokens"  # source, language
TERM: Final = "term"  # term of the user's list, source: how often it comes, in all documents that came in
HOLDING: Final = "holding"  # the same: documents that have it
ENTITY: Final = "entity"  # label, source: what a pipeline of the user's found, in all documents that came in
REPLACED: Final = "replaced"  # kind of personal data, source
MILLISECONDS: Final = "milliseconds"  # maker: of work, on whatever core
WORKS: Final = "works"  # maker: artifacts
STORED: Final = "stored"  # source: bytes of files, as they lie there
FILES: Final = "files"  # source
GONE_FILES: Final = "gone_files"  # source
LOST: Final = "lost"  # source: records that broken input took along
WITHDRAWN: Final = "withdrawn"  # source: documents of earlier batches that changed or went
UNSEEN: Final = "unseen"  # source: shards whose columns are not there any more


def split(counts: Mapping[Key, int], kind: str, *places: int) -> Counter[str]:
    """The sums of one kind by what stands in one place; of several places, joined by a blank."""
    sums = Counter[str]()
    for key, number in counts.items():
        if key[0] == kind:
            sums[" ".join(key[1 + place] for place in places)] += number
    return sums


def only(counts: Mapping[Key, int], place: int, name: str) -> Counts:
    """The part of a bag that has this name in that place of its keys."""
    found = {key: number for key, number in counts.items() if len(key) > place + 1 and key[place + 1] == name}
    return Counter(found)


def values_of(counts: Mapping[Key, int]) -> dict[str, Counter[float]]:
    """By signal how often each value comes, in the order of their names."""
    found: dict[str, Counter[float]] = {}
    for key, number in sorted(counts.items()):
        if key[0] == VALUE:
            found.setdefault(key[1], Counter())[float(key[2])] += number
    return found


def as_rows(counts: Mapping[Key, int]) -> list[list[str | int]]:
    """A bag as JSON, in order."""
    return [[*key, number] for key, number in sorted(counts.items()) if number]


def from_rows(rows: Iterable[Sequence[str | int]]) -> Counts:
    """The bag of which `as_rows` made this."""
    return Counter({tuple(map(str, row[:-1])): int(row[-1]) for row in rows})
