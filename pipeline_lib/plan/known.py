"""What a plan knows of sums and tables that stand for many batches: before a night some of them are not made yet.

A node that is nothing but its members (a list, a merged table) is as good as they are: what they come to is known.
"""

from collections.abc import Iterable, Iterator

from pipeline_lib.run.execute import Graph
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import manifest_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store


def leaves(refs: Iterable[Ref], graph: Graph, store: Store) -> Iterator[Manifest | Work]:
    """The manifest of each that is there, the work of each that is not made yet; nothing of what is lost."""
    for ref in refs:
        found, work = manifest_of(store, ref), graph.get(ref)
        if found is not None:
            yield found
        elif work is not None and not work.inputs:
            yield from leaves(work.members, graph, store)
        elif work is not None:
            yield work


def known(refs: Iterable[Ref], graph: Graph, store: Store) -> Iterator[Manifest]:
    """The manifests of what is there of these."""
    return (found for found in leaves(refs, graph, store) if isinstance(found, Manifest))
