"""Which sources and languages make up a part of the text that is worth a judgement: what a benchmark must have.

    source docs     by its held-out documents
    language zh     by the bytes of its text

A full frozen benchmark takes nothing in any more. Where a source or a language comes to a part of the text that was
none when the benchmark was filled, another generation is drawn, from all there is.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pipeline_lib.run.lists import sum_of
from pipeline_lib.run.step import manifest_of
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.tokenize.fit import BYTES_OF, UNKNOWN
from pipeline_lib.tokenize.snapshot import HELD_OUT

LEAST_SHARE: Final = 0.05


def parts_of(store: Store, *, encoded: Collection[Ref], tables: Collection[Ref], asked: Collection[str]) -> set[str]:
    """The sources and languages of these nodes that have at least LEAST_SHARE of the text; of a missing node nothing.

    `encoded`: sums of token shards; `tables`: tables of token shards; `asked`: names of the sources that count.
    """
    held_out = Counter[str]()
    for ref in tables:
        found = manifest_of(store, ref)
        held_out.update(found.facts.get(HELD_OUT, {}) if found else {})
    sums = sum_of(found for ref in encoded if (found := manifest_of(store, ref)) is not None)
    sources = {name: number for name, number in held_out.items() if name in asked}
    return {*_large("source", sources), *_large("language", _bytes_by_language(sums.facts))}


def _bytes_by_language(facts: Mapping[str, Any]) -> dict[str, int]:
    return {
        name.removeprefix(BYTES_OF): size
        for name, size in facts.items()
        if name.startswith(BYTES_OF) and name != BYTES_OF + UNKNOWN
    }


def _large(what: str, sizes: Mapping[str, int]) -> Iterator[str]:
    total = sum(sizes.values())
    yield from (f"{what} {name}" for name, size in sizes.items() if size and size >= LEAST_SHARE * total)
