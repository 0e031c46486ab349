"""Which tokenizer a night encodes with: the pinned one, or one that is learned tonight.

It is learned once, on all batches that are there, and stays until its owner raises `tokenize.generation`. On less than
`tokenize.min_training_bytes` of kept text nothing is pinned for good: a provisional one serves until there is enough,
then all is encoded again and the models start anew. It is never older than the scrubbing: another key or other actions
mean another tokenizer, since one that learned from less scrubbed text may hold a phone number as a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_lib.run.board import Board
from pipeline_lib.run.execute import Graph
from pipeline_lib.run.lists import list_works
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


@dataclass(frozen=True)
class TokenizerPlan:
    """The tokenizer of a night, and what is pinned once it is there."""

    step: Step
    pin: str
    value: dict[str, Any]
    note: str  # what a person should know of it; ""

    @property
    def ref(self) -> Ref:
        """The tokenizer."""
        return self.step.whole.ref


def pinned_tokenizer(settings: Settings, workspace: Workspace, key_id: str) -> Ref | None:
    """The tokenizer that is pinned for good, if there is one."""
    pinned = workspace.pin(_pin(settings, key_id))
    if pinned is None or pinned["is_provisional"]:
        return None
    return _works(settings, [Ref(**ref) for ref in pinned["documents"]])[-1].ref


def plan_tokenizer(settings: Settings, workspace: Workspace, key_id: str, last: Board, graph: Graph) -> TokenizerPlan:
    """The pinned tokenizer, or a new one from the text of all batches up to the `last` board."""
    own = settings.of(TokenizeSettings)
    pin = _pin(settings, key_id)
    pinned = workspace.pin(pin)
    there = last.before("scrub")
    if pinned is not None:
        work = _works(settings, [Ref(**ref) for ref in pinned["documents"]])
        num_bytes = sum(_num_bytes(workspace.store, ref) for ref in there) if pinned["is_provisional"] else 0
        missing = own.min_training_bytes - num_bytes
        can_stay = workspace.store.is_present(work[-1].ref) or _can_be_made(work, graph, workspace.store)
        if can_stay and (not pinned["is_provisional"] or missing > 0):
            note = _missing(missing) if pinned["is_provisional"] else ""
            return _plan(work, pin, pinned, note)
    num_bytes = sum(_num_bytes(workspace.store, ref) for ref in there)
    is_provisional = num_bytes < own.min_training_bytes
    value = {
        "documents": [{"stage": ref.stage, "fingerprint": ref.fingerprint} for ref in there],
        "is_provisional": is_provisional,
    }
    return _plan(_works(settings, there), pin, value, _note(own, num_bytes, pinned))


def _pin(settings: Settings, key_id: str) -> str:
    """The name of the choice: what a tokenizer must have in common with the one that was pinned."""
    scrub = settings.of(ScrubSettings).decisive(TEXT.reads)
    own = learn_work(settings, Ref("", "")).decisive
    return f"tokenizer-{digest_of({'tokenizer': [LEARN.id, own], 'scrub': [TEXT.id, scrub, key_id]})}"


def _plan(works: tuple[Work, ...], pin: str, value: dict[str, Any], note: str) -> TokenizerPlan:
    return TokenizerPlan(Step("tokenize", "tokenizer", (), works, works[-1]), pin, value, note)


def _works(settings: Settings, documents: Sequence[Ref]) -> tuple[Work, ...]:
    lists = list_works("scrub", documents, name="documents of the tokenizer")
    return (*lists, learn_work(settings, lists[-1].ref))


def _num_bytes(store: Store, scrubs: Ref) -> int:
    """Bytes of kept text in a list of scrubbed shards; 0 of one that is not made yet."""
    found = manifest_of(store, scrubs)
    return int(found.facts.get("num_bytes", 0)) if found else 0


def _can_be_made(works: Sequence[Work], graph: Graph, store: Store) -> bool:
    """Whether the text that a lost tokenizer was learned from is there, or can be made."""
    return all(ref in graph or store.is_present(ref) for ref in works[0].members)


def _note(settings: TokenizeSettings, num_bytes: int, pinned: dict[str, Any] | None) -> str:
    if pinned is not None and num_bytes >= settings.min_training_bytes:
        return "enough text to pin a tokenizer: all is encoded again, models start anew"
    if 0 < num_bytes < settings.min_training_bytes:
        return _missing(settings.min_training_bytes - num_bytes)
    return ""


def _missing(num_bytes: int) -> str:
    return f"provisional: {num_bytes:,} bytes of kept text are missing to pin one"
