"""Which share of what arrives is held out, and what is kept of those documents: the frozen benchmark.

Until enough documents are held out, of those that are kept and stand now, a larger share of what arrives is held out. A
document keeps the share that was in force when its file first arrived.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.plan.known import leaves
from pipeline_lib.run.execute import Graph
from pipeline_lib.run.step import manifest_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize import live, snapshot
from pipeline_lib.tokenize.live import LIVE
from pipeline_lib.tokenize.settings import TokenizeSettings

ENOUGH_DOCUMENTS = 40  # held-out ones from which on the usual share will do, if the gate asks for no more than half
MOST_SHARE = 0.25  # of a small first night: the rest is what there is to learn from
PIN = "benchmarks"
DOCUMENT_BYTES = 4096  # of stored text, taken for one document where a file may hold many


def share_of_new(
    tokenize: TokenizeSettings,
    evaluate: EvaluateSettings,
    num_files: int,
    num_bytes: int,
    *,
    num_heldout: int,
    min_documents: int,
) -> float:
    """The share of `num_files` new files that is held out, when `num_heldout` documents are already.

    More than usual while the set is too small to judge on, so that a small corpus gets one; rounded up to a hundredth,
    so that there are few different shares in a workspace. `min_documents`: what the gate asks for.
    """
    missing = min(max(ENOUGH_DOCUMENTS, 2 * min_documents), evaluate.max_documents) - num_heldout
    expected = max(num_files, num_bytes // DOCUMENT_BYTES, 1)
    if missing <= 0:
        return tokenize.heldout_share
    wanted = -(-100 * missing // expected) / 100
    return max(tokenize.heldout_share, min(MOST_SHARE, wanted))


@dataclass(frozen=True)
class Pin:
    """What a workspace keeps of its benchmarks."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # a field that is not understood decides

    frozen: Ref | None = None  # None: there is none yet
    generation: int = 0
    before: Ref | None = None  # the generation before, until a model is judged on both
    renewed_for: tuple[str, ...] = ()  # sources and languages that a generation was drawn for: "language zh"
    drawn_up_to: int = 0  # number of the last batch that was offered to it
    newest: tuple[Ref, ...] = ()  # tables of token shards of the newest batches


def read_pin(workspace: Workspace) -> Pin:
    """The benchmarks that are kept."""
    return workspace.pin(PIN, Pin, without="models are judged on other documents") or Pin()


def save_pin(workspace: Workspace, pin: Pin) -> None:
    """Keep these benchmarks."""
    if read_pin(workspace) != pin:
        workspace.save_pin(PIN, pin)


def num_held_out(tables: Iterable[Ref], graph: Graph, store: Store, asked: Collection[str]) -> int:
    """How many documents of the sources that are asked for are held out: kept, and not withdrawn since.

    Of batches of which the `tables` are not made yet, what is likely by the shares of their files.
    """
    total = 0
    for leaf in leaves(tables, graph, store):
        if isinstance(leaf, Manifest):
            total += sum(number for source, number in _held_out_by_source(leaf.facts) if source in asked)
        elif (batch := manifest_of(store, leaf.inputs["batch"])) and batch.facts["source"] in asked:
            total += int(batch.facts.get("num_held_out", 0))
    return max(0, total)


def _held_out_by_source(facts: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """What a table of token shards says; one of an earlier release says nothing of what was withdrawn since."""
    if LIVE in facts:
        return ((source, counts.get(live.HELD_OUT, 0)) for source, counts in facts[LIVE].items())
    return iter(facts.get(snapshot.HELD_OUT, {}).items())


def num_documents(store: Store, benchmark: Ref | None) -> int:
    """How many documents a benchmark has; 0 of one that is gone, and of none."""
    found = None if benchmark is None else manifest_of(store, benchmark)
    return found.rows_out if found else 0
