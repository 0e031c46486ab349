"""What steps did to documents, as facts of a manifest: added up by name from shard to night.

A rewrite that would empty or inflate most of the documents that it changes is a mistake: it stops the night. (Steps of
ours spare what is nothing but residue; the rules judge that.)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import GuardStop

REWRITES = "rewrites."  # begins their names
FEWEST_SPARED = 20  # documents of a shard: fewer stop nothing
_PREFIXES = {
    "num_changed": "num_changed_by.",
    "num_chars_removed": "num_chars_removed_by.",
    "num_spared": "num_spared_by.",
}


@dataclass(frozen=True)
class Count:
    """Documents that a step changed, characters that these have less, documents that it was not let at."""

    num_changed: int = 0
    num_chars_removed: int = 0
    num_spared: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.num_changed + other.num_changed,
            self.num_chars_removed + other.num_chars_removed,
            self.num_spared + other.num_spared,
        )


Counts = Mapping[str, Count]  # by the name of the step, or of the rewrite


def added(counts: Counts, more: Counts) -> Counts:
    """Two sums as one, in the order of the steps."""
    return {name: counts.get(name, Count()) + more.get(name, Count()) for name in {**counts, **more}}


def check(counts: Counts) -> None:
    """Raise `GuardStop` where a rewrite is a mistake: it would empty or inflate most of the documents it changes."""
    for name, count in counts.items():
        if name.startswith(REWRITES) and count.num_spared >= FEWEST_SPARED and count.num_spared > count.num_changed:
            raise GuardStop(
                f"clean: {name} would leave nothing of a document, make it far longer or take a term out of it, "
                f"in {count.num_spared:,} of the {count.num_spared + count.num_changed:,} documents of a shard that it "
                "changes. Nothing was passed on. Correct its pattern, or switch it off; nightshift try shows its work."
            )


def facts_of(counts: Counts) -> dict[str, int]:
    """The counts as facts of a manifest, which are added up by name; those that are 0 are left out."""
    return {
        f"{prefix}{name}": value
        for name, count in counts.items()
        for field, prefix in _PREFIXES.items()
        if (value := getattr(count, field))
    }


def counts_in(facts: Mapping[str, Any]) -> Counts:
    """The counts that facts hold, by step."""
    found: dict[str, dict[str, int]] = {}
    for field, name, value in _told(facts):
        found.setdefault(name, {})[field] = value
    return {name: Count(**fields) for name, fields in found.items()}


def _told(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    for fact, value in facts.items():
        for field, prefix in _PREFIXES.items():
            if fact.startswith(prefix):
                yield field, fact.removeprefix(prefix), int(value)
