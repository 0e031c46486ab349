"""Which documents a training has read, step by step: computed afterwards by the code that trained; nothing is logged.

    manifest: snapshot, trunk, settings -> train/reading.py -> the stretches of documents in the rows of some steps

Step n, counted from 1 over trunk and branch, reads the rows (n - 1) * batch_rows to n * batch_rows. A token is read
when it stands in a row, as input or as target; what is read twice counts once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.model.reading.snapshot import EXCLUDED_FILE, SHARDS_FILE, Arrived, read_excluded, read_shards
from pipeline_lib.past.ledger import Story
from pipeline_lib.plan.parents import cursor_of
from pipeline_lib.plan.trunks import TRUNK
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
from pipeline_lib.store.sides import is_held_out, sides_of
from pipeline_lib.store.tables import read_table
from pipeline_lib.train.cursor import Cursor
from pipeline_lib.train.extent import shards_to_open
from pipeline_lib.train.reading import Reading, open_reading
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN, tokens_inputs

DECIDING = ("context_tokens", "packing", "seed", "batch_rows", "replay_share")  # of what a training reads

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class DocumentRead:
    """What some steps of a training read of one document."""

    url: str | None  # None: all that knows it is gone
    document_id: str
    source: str
    batch: str  # "0003-docs"
    num_tokens: int  # that it has
    num_read: int


@dataclass(frozen=True)
class Place:
    """Where a document lies among what a training could read."""

    shard: str  # fingerprint of the token shard
    document_id: str


def documents_read(store: Store, model: Manifest, first: int, last: int) -> Iterator[DocumentRead]:
    """The documents of the steps first + 1, ..., last, in order of arrival. Raises as `reading_of` does."""
    reading = reading_of(store, model)
    rows = {row["shard"]: row for row in shards_of(store, model).to_pylist()}
    numbers, counts = tokens_read(model, reading, first, last)
    borders = np.searchsorted(numbers, reading.documents.firsts)
    for at, shard in enumerate(reading.shards):
        own = slice(borders[at], borders[at + 1])
        if own.start == own.stop:
            continue
        urls, row = _urls(store, rows[shard]), rows[shard]
        names = reading.documents.document_ids[at].take(pa.array(numbers[own] - reading.documents.firsts[at]))
        lengths = reading.documents.lengths[numbers[own]].tolist()
        for name, num_tokens, num_read in zip(names.to_pylist(), lengths, counts[own].tolist(), strict=True):
            yield DocumentRead(urls.get(name), name, row["source"], row["label"], num_tokens, num_read)


def tokens_read(model: Manifest, reading: Reading, first: int, last: int) -> tuple[Numbers, Numbers]:
    """The numbers of the documents of the steps first + 1, ..., last, rising, and how many tokens of each were read."""
    num_rows = int(model.settings["batch_rows"])
    spans = reading.spans(first * num_rows, last * num_rows)
    # Pair j has the tokens j - 1 and j. All documents lie on one line, one behind the other: one sweep is their union.
    lines = np.cumsum(reading.documents.lengths) - reading.documents.lengths
    starts = lines[spans.documents] + np.maximum(spans.firsts - 1, 0)
    ends = lines[spans.documents] + np.minimum(spans.firsts + spans.lengths, reading.documents.lengths[spans.documents])
    order = np.argsort(starts, kind="stable")
    reached = np.maximum.accumulate(np.concatenate([np.zeros(1, np.int64), ends[order]]))[:-1]
    fresh = np.maximum(ends[order] - np.maximum(starts[order], reached), 0)
    numbers, own = np.unique(spans.documents[order], return_inverse=True)
    counts = np.zeros(len(numbers), np.int64)
    np.add.at(counts, own, fresh)
    return numbers, counts


def tokens_read_of(store: Store, model: Manifest, place: Place) -> tuple[int, int]:
    """How many tokens of one document a training read in all of its steps, and how many in those of its trunk."""
    reading = reading_of(store, model)
    at = reading.shards.index(place.shard)
    own = reading.documents.firsts[at] + pc.index(reading.documents.document_ids[at], place.document_id).as_py()
    ranges = (tokens_read(model, reading, 0, model.facts[steps]) for steps in ("num_steps", "trunk_steps"))
    num_read, num_inherited = (int(counts[numbers == own].sum()) for numbers, counts in ranges)
    return num_read, num_inherited


def reading_of(store: Store, model: Manifest) -> Reading:
    """The rows of a training as they were laid out when it began.

    Raises `DataError` when something that it was made from is gone.
    """
    inputs = _inputs(store, model)
    try:
        shards = read_shards(inputs.file("snapshot", SHARDS_FILE))
        cursor = _cursor(store, model, shards)
        tokens = tokens_inputs(_settings(model), inputs, cursor, shards, is_read=False)
    except DamagedArtifact as exc:
        raise DataError(
            f"{model.ref}: which documents it read cannot be told any more, since {exc.stage}/{exc.fingerprint} is "
            "gone or damaged. nightshift trace, without --all and --step, shows what is still known."
        ) from exc
    return open_reading(_settings(model), tokens, cursor, int(inputs.params["num_rows"]))


def may_read(store: Store, model: Manifest, place: Place) -> bool:
    """Whether a training opens the shard of a document: by its snapshot alone, before any shard is opened.

    Raises `DamagedArtifact` when that, or the trunk it went on from, is gone.
    """
    inputs = _inputs(store, model)
    shards = read_shards(inputs.file("snapshot", SHARDS_FILE))
    num_rows = int(inputs.params["num_rows"])
    return place.shard in shards_to_open(_settings(model), _cursor(store, model, shards), shards, num_rows)


def place_of(store: Store, model: Manifest, story: Story) -> Place | None:
    """Where a version of a document lies in the snapshot of a model.

    None where that does not have it to train on: not yet, not any more, held out. Raises `DamagedArtifact` when the
    snapshot is gone.
    """
    table = shards_of(store, model)
    is_it = pc.and_(pc.equal(table["batch"], story.batch_fingerprint), pc.equal(table["part"], story.shard))
    for row in table.filter(is_it).to_pylist():
        if is_held_out(sides_of([story.source], [story.url]), row["heldout_share"])[0]:
            return None
        excluded = read_excluded(_inputs(store, model).file("snapshot", EXCLUDED_FILE))
        is_excluded = story.document_id in excluded.get(row["shard"], ())
        return None if is_excluded else Place(row["shard"], story.document_id)
    return None


def tokens_of(store: Store, place: Place) -> int:
    """How many tokens a document has; 0 where it is not in the shard, since it was dropped before.

    Raises `DamagedArtifact` when the shard is gone.
    """
    path = store.open("tokenize", place.shard, files=[LEDGER_FILE]).file(LEDGER_FILE)
    table = read_table(path, ["document_id", "num_tokens"])
    at = pc.index(table["document_id"], place.document_id).as_py()
    return 0 if at < 0 else int(table["num_tokens"][at].as_py() or 0)


def shards_of(store: Store, model: Manifest) -> pa.Table:
    """The table of the token shards in the snapshot of a model. Raises `DamagedArtifact` when it is gone."""
    return read_table(_inputs(store, model).file("snapshot", SHARDS_FILE))


def _inputs(store: Store, model: Manifest) -> Inputs:
    return Inputs(store, model.inputs, model.settings)


def _settings(model: Manifest) -> TrainSettings:
    """Those of its settings that decide what it reads. One at its neutral value is not on record, and has it again."""
    if model.version != TRAIN.version:
        raise DataError(f"{model.ref}: train.model@{model.version} read in another way than this release. Use its own.")
    own = {name: model.settings[name] for name in DECIDING if name in model.settings}
    return TrainSettings(**own, num_epochs=model.facts["num_epochs"])


def _cursor(store: Store, model: Manifest, shards: Sequence[Arrived]) -> Cursor:
    """What the trunk that it went on from had read of these."""
    trunk = model.inputs.get(TRUNK)
    return cursor_of(store, None if trunk is None else store.read(trunk.stage, trunk.fingerprint), shards)


def _urls(store: Store, row: Mapping[str, Any]) -> dict[str, str]:
    """The url of each document of a token shard, by id; none where all that knows them is gone."""
    for ref, file in _with_urls(store, row):
        with suppress(DamagedArtifact):
            table = read_table(store.open(ref.stage, ref.fingerprint, files=[file]).file(file), ["document_id", "url"])
            return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return {}


def _with_urls(store: Store, row: Mapping[str, Any]) -> Iterator[tuple[Ref, str]]:
    """The ledger of the raw shard, which is small; the scrubbed text, where that was released."""
    with suppress(DamagedArtifact):
        raw = list(store.members(store.read("ingest", row["batch"]).inputs["shards"]))
        yield raw[row["part"]], LEDGER_FILE
    yield Ref("scrub", row["documents"]), DOCUMENTS_FILE
