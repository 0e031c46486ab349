"""Which sources and languages make up a part of the text that is worth a judgement, and is not judged.

    source docs     by its held-out documents
    language zh     by the bytes of its text

A full frozen benchmark takes nothing in any more. Where it has next to nothing of a source or a language that is a part
of the text, another generation is drawn, from all there is.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, Final

from pipeline_lib.run.lists import sum_of
from pipeline_lib.run.step import manifest_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.tokenize.fit import BYTES_OF, UNKNOWN
from pipeline_lib.tokenize.snapshot import HELD_OUT

LANGUAGE: Final = "language "  # how the names of languages begin
LEAST_SHARE: Final = 0.05  # of the text: what is less is no part of it
LEAST_SPOKEN: Final = 0.25  # of its share of the text is its share of the benchmark; less is next to nothing

Shares = dict[
    str, float
]  # by "source docs" and "language zh"; those of the sources are one, those of the languages too


def shares_of(store: Store, *, encoded: Collection[Ref], tables: Collection[Ref], asked: Collection[str]) -> Shares:
    """How much of the text of these nodes is of which source and language; a missing node has nothing.

    `encoded`: sums of token shards; `tables`: tables of token shards; `asked`: names of the sources that count.
    """
    held_out = Counter[str]()
    for ref in tables:
        found = manifest_of(store, ref)
        held_out.update(found.facts.get(HELD_OUT, {}) if found else {})
    sums = sum_of(found for ref in encoded if (found := manifest_of(store, ref)) is not None)
    sources = {name: number for name, number in held_out.items() if name in asked}
    return _shares(sources, _bytes_by_language(sums.facts))


def overlooked(benchmark: Manifest, there: Shares) -> set[str]:
    """The sources and languages that are a part of what is there, and of which a benchmark has next to nothing."""
    judged = _shares(benchmark.facts["sources"], benchmark.facts["languages"])
    return {
        name for name, share in there.items() if share >= LEAST_SHARE and judged.get(name, 0.0) < LEAST_SPOKEN * share
    }


def _bytes_by_language(facts: Mapping[str, Any]) -> dict[str, int]:
    return {
        name.removeprefix(BYTES_OF): size
        for name, size in facts.items()
        if name.startswith(BYTES_OF) and name != BYTES_OF + UNKNOWN
    }


def _shares(sources: Mapping[str, int], languages: Mapping[str, int]) -> Shares:
    every = (("source ", sources), (LANGUAGE, languages))
    return {
        f"{kind}{name}": size / sum(sizes.values()) for kind, sizes in every for name, size in sizes.items() if size
    }
