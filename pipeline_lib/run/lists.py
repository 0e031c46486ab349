"""Lists: artifacts that name others and add up their rows, so that one reference stands for any number of inputs.

A list holds at most `MOST_MEMBERS` references (2 KB in a pickle); more of them are a list of lists.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.store.artifact import Manifest, Outcome, Ref
from pipeline_lib.store.local import LIST, LISTS

MOST_MEMBERS = 64


def list_works(stage: str, refs: Sequence[Ref], *, name: str = "batch") -> tuple[Work, ...]:
    """The works of a list, its parts before the whole, which is last."""
    if len(refs) <= MOST_MEMBERS:
        return (_list_work(stage, LIST, refs, name),)
    groups = (refs[at : at + MOST_MEMBERS] for at in range(0, len(refs), MOST_MEMBERS))
    works = [work for at, group in enumerate(groups) for work in list_works(stage, group, name=f"{name} part {at}")]
    tops = [work.ref for work in works]
    while len(tops) > MOST_MEMBERS:  # 4,096 shards: one more level
        level = [
            _list_work(stage, LISTS, tops[at : at + MOST_MEMBERS], f"{name} parts from {at}")
            for at in range(0, len(tops), MOST_MEMBERS)
        ]
        works, tops = [*works, *level], [work.ref for work in level]
    return (*works, _list_work(stage, LISTS, tops, name))


def lists_work(stage: str, refs: Sequence[Ref]) -> Work:
    """A list of few lists, or of what stands for a batch as a list does."""
    return _list_work(stage, LISTS, refs, "batches")


def _list_work(stage: str, schema: str, refs: Sequence[Ref], name: str) -> Work:
    maker = Maker(f"{stage}.{schema.partition('.')[0]}", 1, schema, make_list, is_light=True)
    return Work(maker, members=tuple(refs), name=name)


def make_list(_settings: None, inputs: Inputs, _folder: Path) -> Outcome:
    """The sums over the members; a list has no files of its own."""
    return sum_of(inputs.store.read(ref.stage, ref.fingerprint) for ref in inputs.listed)


def sum_of(parts: Iterable[Manifest | Outcome]) -> Outcome:
    """The sums over parts; facts that are counts (`num_...`) are added up, of the others the first one stays."""
    rows_in = rows_out = 0
    dropped: dict[str, int] = {}
    facts: dict[str, Any] = {}
    for part in parts:
        rows_in, rows_out = rows_in + part.rows_in, rows_out + part.rows_out
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
        for name, value in _facts(part.facts):
            facts[name] = facts.get(name, 0) + value if name.startswith("num_") else facts.get(name, value)
    return Outcome(rows_in, rows_out, dropped, facts=facts)


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Facts that can stand for several parts."""
    yield from ((name, value) for name, value in facts.items() if not isinstance(value, Mapping | list))
