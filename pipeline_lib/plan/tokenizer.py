"""Which tokenizer a night encodes with: the pinned one, or one that is learned tonight.

It is learned once, on all batches that are there, and stays until its owner raises `tokenize.generation`. On less than
`tokenize.min_training_bytes` of kept text nothing is pinned for good: a provisional one serves until there is enough,
then all is encoded again and the models start anew. Until then it is learned again whenever there is `GROWN` times the
text that it was learned from: five times at most from 1 kB to the default of 1 MB (decision 0012).

Another key means another tokenizer: its pseudonyms are other words. Other rules, or other ways to scrub, do not:
the models go on. That it was learned from text that was scrubbed otherwise is said by the plan that scrubs anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.plan.known import known
from pipeline_lib.run.board import Board
from pipeline_lib.run.execute import Graph
from pipeline_lib.run.lists import lists_work
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.scrub.stage import TEXT
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref, digest_of
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.settings import TokenizeSettings
from pipeline_lib.tokenize.stage import LEARN
from pipeline_lib.tokenize.works import learn_work

ANEW = "all is encoded again, models start anew"  # what another tokenizer means
GROWN = 4  # times the text that a provisional one was learned from: it is learned again


@dataclass(frozen=True)
class Pinned:
    """The choice of a tokenizer: the lists of scrubbed shards that it is learned from."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # a field that is not understood decides

    documents: tuple[Ref, ...]
    is_provisional: bool = False


@dataclass(frozen=True)
class TokenizerPlan:
    """The tokenizer of a night, and what is pinned once it is there."""

    step: Step
    pin: str
    pinned: Pinned
    note: str  # what a person should know of it; ""

    @property
    def ref(self) -> Ref:
        """The tokenizer."""
        return self.step.whole.ref

    @property
    def generation(self) -> int:
        """The number that its owner raises to have another one."""
        return int(self.step.whole.decisive.get("generation", 1))


def pinned_in(workspace: Workspace, pin: str) -> Pinned | None:
    """What is pinned under that name."""
    return workspace.pin(pin, Pinned, without="a tokenizer is learned anew, and models start from scratch")


def _pinned(settings: Settings, workspace: Workspace, key_id: str) -> Pinned | None:
    """What is pinned for these settings, also by an earlier release, which had one for each way to scrub."""
    pins = (_pin(settings, key_id), _pin(settings, key_id, is_by_scrub=True))
    return next((found for found in (pinned_in(workspace, pin) for pin in pins) if found is not None), None)


def pinned_tokenizer(settings: Settings, workspace: Workspace, key_id: str) -> Ref | None:
    """The tokenizer that is pinned for good, if it is there, or the text to learn it again."""
    pinned = _pinned(settings, workspace, key_id)
    if pinned is None or pinned.is_provisional or not _stands(settings, pinned, {}, workspace.store):
        return None
    return _works(settings, pinned.documents)[-1].ref


def plan_tokenizer(settings: Settings, workspace: Workspace, key_id: str, last: Board, graph: Graph) -> TokenizerPlan:
    """The pinned tokenizer, or a new one from the text of all batches up to the `last` board."""
    store, pin = workspace.store, _pin(settings, key_id)
    pinned = _pinned(settings, workspace, key_id)
    there = last.before("scrub")
    stands = pinned is not None and _stands(settings, pinned, graph, store)
    if pinned is not None and stands and not pinned.is_provisional:
        return _plan(settings, pin, pinned, _scrubbed_anew(settings, pinned, there, store))
    num_bytes = _num_bytes(there, graph, store)
    missing = max(0, settings.of(TokenizeSettings).min_training_bytes - num_bytes)
    learned = 0 if pinned is None else _learned_from(settings, pinned, graph, store)
    if pinned is not None and stands and missing and not (num_bytes and num_bytes >= GROWN * learned):
        is_all_known = all(store.is_present(ref) for ref in there)
        tonight = "" if is_all_known else _if_tonight(missing, GROWN * learned - num_bytes)
        return _plan(settings, pin, pinned, f"{_provisional(learned, missing)}{tonight}")
    note = _pins(pinned, missing)
    if missing and any(store.is_present(ref) for ref in there):
        again = f"; the one before was learned from {learned:,}: {ANEW}" if stands else ""
        note = f"{_provisional(num_bytes, missing)}{again}"
    return _plan(settings, pin, Pinned(there, is_provisional=missing > 0), note)


def _is_otherwise(documents: Sequence[Ref], scrubbing: Mapping[str, Any], store: Store) -> bool:
    """Whether the first scrubbed shard behind these lists was made with other settings; False where it is gone."""
    found = next(known(documents, {}, store), None)
    shard = None if found is None or not found.members else manifest_of(store, found.members[0])
    return shard is not None and {name: shard.settings.get(name) for name in scrubbing} != scrubbing


def _plan(settings: Settings, pin: str, pinned: Pinned, note: str) -> TokenizerPlan:
    works = _works(settings, pinned.documents)
    return TokenizerPlan(Step("tokenize", "tokenizer", (), works, works[-1]), pin, pinned, note)


def _pin(settings: Settings, key_id: str, *, is_by_scrub: bool = False) -> str:
    """The name of the choice: what a tokenizer must have in common with the one that was pinned."""
    own = [LEARN.id, _learn(settings, Ref("", "")).decisive]
    scrub = [TEXT.id, _scrubbing(settings), key_id]
    return f"tokenizer-{digest_of({'tokenizer': own, **({'scrub': scrub} if is_by_scrub else {'key': key_id})})}"


def _scrubbing(settings: Settings) -> dict[str, Any]:
    return settings.of(ScrubSettings).decisive(TEXT.reads)


def _scrubbed_anew(settings: Settings, pinned: Pinned, there: Sequence[Ref], store: Store) -> str:
    """What is said when the text that a tokenizer was learned from is to be scrubbed in another way."""
    if not there or store.is_present(there[0]) or not _is_otherwise(pinned.documents, _scrubbing(settings), store):
        return ""
    number = settings.of(TokenizeSettings).generation + 1
    return f"learned from text that was scrubbed otherwise; tokenize.generation = {number} learns another one: {ANEW}"


def _works(settings: Settings, documents: Sequence[Ref]) -> tuple[Work, ...]:
    listed = lists_work("tokenize", documents)
    return (listed, _learn(settings, listed.ref))


def _learn(settings: Settings, documents: Ref) -> Work:
    return learn_work(settings, documents, settings.of(CleanSettings).terminology)


def _num_bytes(scrubs: Sequence[Ref], graph: Graph, store: Store) -> int:
    """Bytes of kept text in lists of scrubbed shards, as far as they are made."""
    return sum(int(found.facts.get("num_bytes", 0)) for found in known(scrubs, graph, store))


def _learned_from(settings: Settings, pinned: Pinned, graph: Graph, store: Store) -> int:
    """Bytes of kept text that there were when a tokenizer was learned; of lost text, those that it has read."""
    tokenizer = manifest_of(store, _works(settings, pinned.documents)[-1].ref)
    read = int(tokenizer.facts.get("num_sampled_bytes", 0)) if tokenizer else 0
    return max(read, _num_bytes(pinned.documents, graph, store))


def _stands(settings: Settings, pinned: Pinned, graph: Graph, store: Store) -> bool:
    """Whether the tokenizer is there, or the text that it was learned from, or that can be made again."""
    return store.is_present(_works(settings, pinned.documents)[-1].ref) or all(
        ref in graph or store.is_present(ref) for ref in pinned.documents
    )


def _provisional(learned: int, missing: int) -> str:
    return f"provisional, learned from {learned:,} bytes of kept text: {missing:,} more are missing to pin one"


def _if_tonight(missing: int, to_grow: int) -> str:
    """What happens if tonight's text is enough to pin a tokenizer, or to learn a provisional one again."""
    if to_grow >= missing:
        return f"; if tonight brings them, {ANEW}"
    enough = f"{to_grow:,} of them" if to_grow > 0 else "any"
    return f"; if tonight brings {enough}, it is learned again: {ANEW}"


def _pins(pinned: Pinned | None, missing: int) -> str:
    """What another tokenizer than the pinned one is chosen for."""
    if pinned is None:
        return ""
    if not pinned.is_provisional:
        return f"the pinned one is lost, with text that it was learned from: {ANEW}"
    return "" if missing else f"enough text to pin a tokenizer: {ANEW}"
