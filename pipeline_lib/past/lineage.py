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

from pipeline_lib.past.ledger import Story
from pipeline_lib.store import schemas, tables
from pipeline_lib.store.artifact import MANIFEST, Manifest
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
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
    num_read: int  # of them those in the rows of its steps
    num_inherited: int  # of them those in the rows of its trunk steps: what later models have from it


@dataclass(frozen=True)
class Seen:
    """What a model knows of a document: by its own training, and by the trunks it went on from."""

    model: str
    own: Reading | None
    inherited: tuple[Reading, ...]  # of the ancestors whose trunk steps read some of it

    @property
    def is_learned(self) -> bool:
        """Whether any of its tokens went into the weights."""
        return bool(self.inherited) or (self.own is not None and self.own.num_read > 0)


@dataclass(frozen=True)
class Learned:
    """One document of a training."""

    url: str
    document_id: str
    num_tokens: int
    num_read: int


def trainings(workspace: Workspace, fingerprint: str) -> list[Training]:
    """The training of a model, then those of its ancestors, as far back as their artifacts are there.

    Raises `DamagedArtifact` when the model's own is not.
    """
    found = [_training(workspace, workspace.store.read(TRAIN, fingerprint))]
    while (trunk := found[-1].trunk) is not None and _is_there(workspace.store, trunk):
        found.append(_training(workspace, workspace.store.read(TRAIN, trunk)))
    return found


def models_beside(workspace: Workspace, story: Story) -> list[Seen]:
    """What each model of the workspace knows of that version of a document, oldest model first.

    Models that had nothing to do with it, not even by an ancestor, are left out.
    """
    models = _models(workspace.store)
    readings = {
        name: reading
        for name, model in models.items()
        if story.batch_fingerprint in _batches(model) and (reading := _reading(workspace.store, model, story))
    }
    seen = []
    for name in models:
        before = [readings[ancestor] for ancestor in _ancestors(models, name) if ancestor in readings]
        seen.append(Seen(name, readings.get(name), tuple(one for one in before if one.num_inherited)))
    return [one for one in seen if one.own or one.inherited]


def learned(workspace: Workspace, fingerprint: str) -> Iterator[Learned]:
    """The documents of a training, without those of its ancestors, and how much of each its steps have read."""
    store = workspace.store
    model = store.read(TRAIN, fingerprint)
    read = _rows_read(store, model, _summary(store, model)["num_steps"])
    for batch, shards in _shards(store, model).items():
        for ingested, shard in zip(store.read("ingest", batch).shards, shards, strict=True):
            urls = {
                row["document_id"]: row["url"] for row in _ledger(store, "ingest", ingested, ["document_id", "url"])
            }
            place = _Place(store, model, shard)
            for row in _ledger(store, "tokenize", shard, None):
                if row["split"] == TRAIN:
                    num_read = int(read[place.rows_of(row)].sum())
                    yield Learned(urls[row["document_id"]], row["document_id"], row["num_tokens"], num_read)


def _models(store: Store) -> dict[str, Manifest]:
    """All models by fingerprint, oldest first."""
    names = (path.parent.name for path in (store.root / TRAIN).glob(f"[0-9a-f]*/{MANIFEST}"))
    return {model.fingerprint: model for model in sorted((store.read(TRAIN, name) for name in names), key=_created)}


def _ancestors(models: Mapping[str, Manifest], name: str) -> Iterator[str]:
    trunk = models[name].settings["on"]["trunk"]
    while trunk in models:
        yield trunk
        trunk = models[trunk].settings["on"]["trunk"]


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


def _reading(store: Store, model: Manifest, story: Story) -> Reading | None:
    """None when that version of the document was not among its token shards (dropped by its rules, or withdrawn)."""
    shard = _shards(store, model)[story.batch_fingerprint][story.shard]
    row = next(_ledger(store, "tokenize", shard, None, document_id=story.document_id), None)
    if row is None or row["split"] is None:
        return None
    if row["split"] != TRAIN:
        return Reading(model.fingerprint, row["split"], 0, 0, 0)
    rows, summary = _Place(store, model, shard).rows_of(row), _summary(store, model)
    read, inherited = (
        int(_rows_read(store, model, summary[steps])[rows].sum()) for steps in ("num_steps", "trunk_steps")
    )
    return Reading(model.fingerprint, TRAIN, row["num_tokens"], read, inherited)


def _ledger(
    store: Store, stage: str, name: str, columns: Sequence[str] | None, **wanted: str
) -> Iterator[dict[str, Any]]:
    """The rows of a shard's ledger, or those with the wanted values."""
    import pyarrow.compute as pc

    path = store.open(stage, name, files=[schemas.LEDGER_FILE]).file(schemas.LEDGER_FILE)
    table = tables.read_table(path, None if columns is None else [*columns, *wanted])
    for column, value in wanted.items():
        table = table.filter(pc.equal(table[column], value))
    yield from table.to_pylist()


class _Place:
    """Where a token shard lies among the rows of a training."""

    def __init__(self, store: Store, model: Manifest, shard: str) -> None:
        on = model.settings["on"]
        order = [*on["new"], *on["replay"]]  # row numbers: new rows come first, replay rows behind them
        self._first = sum(_num_rows(store, name) for name in order[: order.index(shard)])
        self._length = int(store.read("tokenize", shard).settings["sequence_length"])

    def rows_of(self, document: Mapping[str, Any]) -> "NDArray[np.int64]":
        """For each token of a document the row that learns it.

        Row i of a shard is stream[i*T : i*T + T+1], and each token but the very first is a target exactly once:
        token p in row (p - 1) // T.
        """
        import numpy as np

        start = document["first_row"] * self._length + document["first_offset"]
        tokens = np.arange(start, start + document["num_tokens"])
        rows: NDArray[np.int64] = self._first + np.maximum(tokens - 1, 0) // self._length
        return rows


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
