"""The groups of figures, in the order in which they are measured.

A group is a module, or a value, with `FIGURES` and `measure(bench)`, which yields (name, value) in the order of
FIGURES; whoever wants only the first of them stops asking. What cannot be measured on a machine it says and leaves out.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from tests.bench import (
    classifier,
    crawling,
    extraction,
    garbage,
    increments,
    languages,
    large_files,
    memory,
    moves,
    nights,
    overhead,
    quality,
    reading,
    sentences_terms,
    thousand_nights,
    training,
)
from tests.bench.figures import Figure
from tests.bench.promises import PROMISES
from tests.bench.refresh import DEMO, NEUTRAL
from tests.bench.workbench import Workbench


class Group(Protocol):
    """Figures that are measured together."""

    @property
    def FIGURES(self) -> Sequence[Figure]:
        """What they are."""

    def measure(self, bench: Workbench) -> Iterator[tuple[str, float]]:
        """Measure them one after the other."""


GROUPS: tuple[Group, ...] = (
    nights,
    moves,
    increments,
    thousand_nights,
    garbage,
    memory,
    large_files,
    DEMO,
    NEUTRAL,
    crawling,
    extraction,
    languages,
    quality,
    classifier,
    sentences_terms,
    reading,
    training,
    overhead,
    *PROMISES,
)
FIGURES: dict[str, Figure] = {figure.name: figure for group in GROUPS for figure in group.FIGURES}
