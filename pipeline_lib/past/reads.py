"""Which documents a training has read, step by step: computed afterwards by the code that trained; nothing is logged.

    manifest: snapshot, trunk, settings -> train/reading.py -> the stretches of documents in the rows of some steps

Step n, counted from 1 over trunk and branch, reads the rows (n - 1) * batch_rows to n * batch_rows. A token is read when
it stands in a row, as input or as target; what is read twice counts once.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.model.reading.snapshot import read_shards
from pipeline_lib.plan.parents import TRUNK, cursor_of
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE
from pipeline_lib.store.shards import SHARDS_FILE
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

    url: str | None  # None: what it was made from is gone
    document_id: str
    source: str
    batch: str  # "0003-docs"
    num_tokens: int  # that it has
    num_read: int


def documents_read(store: Store, model: Manifest, first: int, last: int) -> Iterator[DocumentRead]:
    """The documents of the steps first + 1, ..., last, in order of arrival. Raises as `reading_of` does."""
    reading = reading_of(store, model)
    snapshot = model.inputs["snapshot"]
    table = read_table(store.open(snapshot.stage, snapshot.fingerprint, files=[SHARDS_FILE]).file(SHARDS_FILE))
    rows = {row["shard"]: row for row in table.to_pylist()}
    numbers, counts = tokens_read(model, reading, first, last)
    borders = np.searchsorted(numbers, reading.documents.firsts)
    for place, shard in enumerate(reading.shards):
        own = slice(borders[place], borders[place + 1])
        if own.start == own.stop:
            continue
        urls, row = _urls(store, rows[shard]), rows[shard]
        chosen = pa.array(numbers[own] - reading.documents.firsts[place])
        names = reading.documents.document_ids[place].take(chosen).to_pylist()
        lengths = reading.documents.lengths[numbers[own]].tolist()
        for name, num_tokens, num_read in zip(names, lengths, counts[own].tolist(), strict=True):
            yield DocumentRead(urls.get(name), name, row["source"], row["label"], num_tokens, num_read)


def tokens_read(model: Manifest, reading: Reading, first: int, last: int) -> tuple[Numbers, Numbers]:
    """The numbers of the documents of the steps first + 1, ..., last, rising, and how many tokens of each were read."""
    num_rows = int(model.settings["batch_rows"])
    spans = reading.spans(first * num_rows, last * num_rows)
    empty = np.empty(0, np.int64)
    documents = np.concatenate([empty, *(part.documents for part in spans)])
    firsts = np.concatenate([empty, *(part.firsts for part in spans)])
    lengths = np.concatenate([empty, *(part.lengths for part in spans)])
    # Pair j has the tokens j - 1 and j. All documents lie on one line, one behind the other: one sweep is their union.
    places = np.concatenate([np.zeros(1, np.int64), np.cumsum(reading.documents.lengths)])[documents]
    starts = places + np.maximum(firsts - 1, 0)
    ends = places + np.minimum(firsts + lengths, reading.documents.lengths[documents])
    order = np.argsort(starts, kind="stable")
    reached = np.concatenate([np.zeros(1, np.int64), np.maximum.accumulate(ends[order])])[:-1]
    fresh = np.maximum(ends[order] - np.maximum(starts[order], reached), 0)
    numbers, places_of = np.unique(documents[order], return_inverse=True)
    counts = np.zeros(len(numbers), np.int64)
    np.add.at(counts, places_of, fresh)
    return numbers, counts


def reading_of(store: Store, model: Manifest) -> Reading:
    """The rows of a training as they were laid out when it began.

    Raises `DataError` when something that it was made from is gone.
    """
    try:
        settings, inputs, cursor = _settings(model), _inputs(store, model), _cursor(store, model)
        tokens = tokens_inputs(settings, inputs, cursor)
    except DamagedArtifact as exc:
        raise DataError(
            f"{model.ref}: which documents it read cannot be told any more, since {exc.stage}/{exc.fingerprint} is gone "
            "or damaged. nightshift trace, without --all and --step, shows what is still known."
        ) from exc
    return open_reading(settings, tokens, cursor, int(inputs.params["num_rows"]))


def may_read(store: Store, model: Manifest, shard: str) -> bool:
    """Whether a token shard is among those that a training opens: from its snapshot alone, in milliseconds.

    Raises `DamagedArtifact` when that, or the trunk it went on from, is gone.
    """
    inputs = _inputs(store, model)
    shards = read_shards(inputs.file("snapshot", SHARDS_FILE))
    num_rows = int(inputs.params["num_rows"])
    return shard in shards_to_open(_settings(model), _cursor(store, model), shards, num_rows)


def _settings(model: Manifest) -> TrainSettings:
    """Those of its settings that decide what it reads. One at its neutral value is not on record, and has it again."""
    if model.version != TRAIN.version:
        raise DataError(f"{model.ref}: train.model@{model.version} read in another way than this release. Use its own.")
    own = {name: model.settings[name] for name in DECIDING if name in model.settings}
    return TrainSettings(**own, num_epochs=model.facts["num_epochs"])


def _inputs(store: Store, model: Manifest) -> Inputs:
    return Inputs(store, model.inputs, model.settings)


def _cursor(store: Store, model: Manifest) -> Cursor:
    """What the trunk that it went on from had read."""
    trunk = model.inputs.get(TRUNK)
    return cursor_of(store, None if trunk is None else store.read(trunk.stage, trunk.fingerprint))


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
