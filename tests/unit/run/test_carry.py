"""Nodes: few of them stand for any number of batches, in their order."""

import pytest

from pipeline_lib.run.carry import MERGED, Node, Nodes, pushed, refs_of
from pipeline_lib.run.lists import _list_work
from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import LISTS


def after(num_batches: int) -> tuple[Nodes, dict[Ref, Work]]:
    nodes: Nodes = ()
    made: dict[Ref, Work] = {}
    for number in range(num_batches):
        nodes, works = pushed(nodes, Ref("x", f"{number:04d}"), lambda refs: _list_work("x", LISTS, refs, ""))
        made |= {work.ref: work for work in works}
    return nodes, made


def batches_of(nodes: Nodes, made: dict[Ref, Work]) -> list[str]:
    def walk(ref: Ref) -> list[str]:
        return [name for part in made[ref].members for name in walk(part)] if ref in made else [ref.fingerprint]

    return [name for ref in refs_of(nodes) for name in walk(ref)]


@pytest.mark.parametrize("num_batches", [0, 1, MERGED - 1, MERGED, MERGED + 1, 15, 16, 17, 63, 64, 65, 200, 600])
def test_nodes_stand_for_all_batches_in_their_order(num_batches: int) -> None:
    nodes, made = after(num_batches)
    assert batches_of(nodes, made) == [f"{number:04d}" for number in range(num_batches)]


def test_nodes_count_like_digits() -> None:
    nodes, made = after(MERGED**2 + 2 * MERGED + 3)
    assert [node.level for node in nodes] == [2, 1, 1, 0, 0, 0]
    assert len(made) == (MERGED + 2) + 1  # merges of level 1, and one of level 2


def test_a_thousand_batches_are_few_nodes() -> None:
    assert len(after(1000)[0]) <= 15


def test_a_node_is_named_by_what_it_stands_for() -> None:
    assert after(MERGED)[0] == after(MERGED)[0]
    assert after(MERGED)[0][0] == Node(1, after(MERGED)[0][0].ref)
