"""From a model back to the text it was trained on, and from a document to the models that read it.

    model -> its training (manifest: batches, token shards, steps) -> the trunk it went on from -> that one's training

Which rows a training has read is a function of its seed and its number of steps (`train/rows.py`), and where a
document lies in the rows is in the ledgers of the token shards. So "has this model read this document" is computed,
exactly, from files that are there anyway; nothing is logged while training. A model has read all rows of its own
steps, and of an ancestor's those of the trunk: the ancestor's decayed branch is not in its weights.
Manifests alone for a model (0.1 s); for a document also the ledgers of its shards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_lib import schemas
from pipeline_lib.artifact import MANIFEST, Manifest, Store
from pipeline_lib.ledger import Story
from pipeline_lib.state import Workspace
from pipeline_lib.storage import read_json
from pipeline_lib.train.job import SUMMARY_FILE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAIN = "train"  # the stage, and the side of a document that is trained on


@dataclass(frozen=True)
class BatchPart:
    """What a batch gave to a training."""

    name: str
    is_new: bool  # learned for the first time in its lineage; the others are replayed in part
    num_documents: int  # on the train side
    num_heldout: int
    num_tokens: int
    num_rows: int


@dataclass(frozen=True)
class Training:
    """One training: a model, or the ancestor whose trunk a later one went on from."""

    fingerprint: str
    created: float  # Unix seconds
    tokenizer: str
    num_steps: int
    trunk_steps: int  # of them those that a later model inherits
    num_positions: int  # tokens read, padding included
    batches: tuple[BatchPart, ...]
    trunk: str | None  # fingerprint of the training it went on from


@dataclass(frozen=True)
class Reading:
    """What one training read of one document."""

    training: str
    side: str  # "train" or "heldout"
    num_tokens: int
    num_read: int  # tokens of it in the rows of all steps
    num_inherited: int  # tokens of it in the rows of the trunk steps: what later models inherit


def trainings(workspace: Workspace, fingerprint: str) -> list[Training]:
    """The training of a model, then those of its ancestors, as far back as their artifacts are there.

    Raises `DamagedArtifact` when the model's own is not.
    """
    found = [_training(workspace, workspace.store.read(TRAIN, fingerprint))]
    while (trunk := found[-1].trunk) is not None and _is_there(workspace.store, trunk):
        found.append(_training(workspace, workspace.store.read(TRAIN, trunk)))
    return found


def readings(workspace: Workspace, story: Story) -> list[Reading]:
    """What each training of the workspace read of that version of a document, oldest training first."""
    models = [manifest for manifest in _models(workspace.store) if story.batch_fingerprint in _batches(manifest)]
    found = (_reading(workspace, model, story) for model in sorted(models, key=_created))
    return [reading for reading in found if reading is not None]


def _models(store: Store) -> Iterator[Manifest]:
    for path in (store.root / TRAIN).glob(f"[0-9a-f]*/{MANIFEST}"):
        yield store.read(TRAIN, path.parent.name)


def _is_there(store: Store, fingerprint: str) -> bool:
    return (store.path(TRAIN, fingerprint) / MANIFEST).is_file()


def _created(model: Manifest) -> float:
    return float(model.made.get("created", 0.0))


def _batches(model: Manifest) -> Sequence[str]:
    batches: Sequence[str] = model.settings["batches"]
    return batches


def _training(workspace: Workspace, model: Manifest) -> Training:
    summary = _summary(workspace.store, model)
    names = {batch.fingerprint: batch.name for batch in workspace.batches()}
    new = set(model.settings["on"]["new"])
    parts = (
        _part(workspace.store, names.get(batch, f"{batch[:8]} (no longer in the catalog)"), shards, new)
        for batch, shards in _shards(workspace.store, model).items()
    )
    return Training(
        fingerprint=model.fingerprint,
        created=_created(model),
        tokenizer=model.inputs[0],
        num_steps=summary["num_steps"],
        trunk_steps=summary["trunk_steps"],
        num_positions=summary["num_tokens"],
        batches=tuple(parts),
        trunk=model.settings["on"]["trunk"],
    )


def _part(store: Store, name: str, shards: Sequence[str], new: set[str]) -> BatchPart:
    facts = [store.read("tokenize", shard).facts for shard in shards]
    sums = {
        key: sum(int(of_shard.get(key, 0)) for of_shard in facts)
        for key in ("num_train_documents", "num_heldout_documents", "num_train_tokens", "num_train_rows")
    }
    return BatchPart(name, bool(new.intersection(shards)), *sums.values())


def _summary(store: Store, model: Manifest) -> Mapping[str, Any]:
    summary: Mapping[str, Any] = read_json(
        store.open(TRAIN, model.fingerprint, files=[SUMMARY_FILE]).file(SUMMARY_FILE)
    )
    return summary


def _shards(store: Store, model: Manifest) -> dict[str, tuple[str, ...]]:
    """The token shards of each of its batches. Replayed batches are those before the new ones, so both are in order."""
    shards = iter([*model.settings["on"]["replay"], *model.settings["on"]["new"]])
    counts = {batch: len(store.read("ingest", batch).shards) for batch in _batches(model)}
    return {batch: tuple(next(shards) for _ in range(count)) for batch, count in counts.items()}


def _reading(workspace: Workspace, model: Manifest, story: Story) -> Reading | None:
    """None when that version of the document was not among its token shards (dropped by its rules, or withdrawn)."""
    store = workspace.store
    shard = _shards(store, model)[story.batch_fingerprint][story.shard]
    row = _ledger_row(store, shard, story.document_id)
    if row is None or row["split"] is None:
        return None
    if row["split"] != TRAIN:
        return Reading(model.fingerprint, row["split"], 0, 0, 0)
    length = int(store.read("tokenize", shard).settings["sequence_length"])
    start = _first_row(store, model, shard) * length + row["first_row"] * length + row["first_offset"]
    steps = _summary(store, model)
    read, inherited = (
        _tokens_in(_rows_read(store, model, steps[key]), start, row["num_tokens"], length)
        for key in ("num_steps", "trunk_steps")
    )
    return Reading(model.fingerprint, TRAIN, row["num_tokens"], read, inherited)


def _ledger_row(store: Store, shard: str, document_id: str) -> dict[str, Any] | None:
    import pyarrow.parquet as pq

    path = store.open("tokenize", shard, files=[schemas.LEDGER_FILE]).file(schemas.LEDGER_FILE)
    rows = pq.read_table(path, filters=[("document_id", "=", document_id)]).to_pylist()
    return dict(rows[0]) if rows else None


def _first_row(store: Store, model: Manifest, shard: str) -> int:
    """The number of a shard's first row in the training: new rows come first, replay rows behind them."""
    on = model.settings["on"]
    order = [*on["new"], *on["replay"]]
    return sum(_num_rows(store, name) for name in order[: order.index(shard)])


def _num_rows(store: Store, shard: str) -> int:
    return int(store.read("tokenize", shard).facts["num_train_rows"])


def _rows_read(store: Store, model: Manifest, num_steps: int) -> "NDArray[np.bool_]":
    """Which rows the first `num_steps` steps have read."""
    import numpy as np

    from pipeline_lib.train.rows import RowOrder

    on, settings = model.settings["on"], model.settings["train"]
    num_new, num_replay = (sum(_num_rows(store, name) for name in on[side]) for side in ("new", "replay"))
    order = RowOrder(num_new, num_replay, settings["replay_share"], settings["seed"])
    read = np.zeros(num_new + num_replay, np.bool_)
    left, epoch = num_steps * settings["batch_rows"], 0
    while left > 0:
        rows = order.of_epoch(epoch)[:left]
        read[rows] = True
        left, epoch = left - len(rows), epoch + 1
    return read


def _tokens_in(read: "NDArray[np.bool_]", start: int, num_tokens: int, length: int) -> int:
    """How many of the tokens at `start` ... `start + num_tokens - 1` lie in rows of `length` that were read."""
    import numpy as np

    rows = np.arange(start, start + num_tokens) // length
    return int(read[rows].sum())
