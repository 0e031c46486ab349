"""What is carried from batch to batch: few nodes that stand for all batches before, however many there were.

Each batch adds a node of level 0. Four nodes of one level become one of the next, as digits carry in counting: so
10,000 batches are at most 21 nodes, each batch was merged into a larger node six times by then, and a node is
derived, so it can be made again from those below it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Ref

MERGED = 4  # nodes of one level that become one of the next


@dataclass(frozen=True)
class Node:
    """An artifact that stands for `MERGED ** level` batches in a row."""

    level: int
    ref: Ref


Nodes = tuple[Node, ...]


def refs_of(nodes: Sequence[Node]) -> tuple[Ref, ...]:
    """The artifacts, oldest first."""
    return tuple(node.ref for node in nodes)


def pushed(nodes: Nodes, leaf: Ref, merge: Callable[[tuple[Ref, ...]], Work]) -> tuple[Nodes, tuple[Work, ...]]:
    """The nodes with one more batch, and the works of the merges that it brings about, in their order."""
    nodes = (*nodes, Node(0, leaf))
    works: list[Work] = []
    while len(nodes) >= MERGED and nodes[-MERGED].level == nodes[-1].level:
        work = merge(refs_of(nodes[-MERGED:]))
        works.append(work)
        nodes = (*nodes[:-MERGED], Node(nodes[-1].level + 1, work.ref))
    return nodes, tuple(works)
