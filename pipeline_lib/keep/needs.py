"""What an artifact needs beside itself, as long as it stays. Most need nothing: nobody looks behind what is whole.

train.model              its snapshot, tokenizer and benchmark; of the trunk that it went on from that alone: what
                         `trace --step` opens, and what makes it again when it is lost
tokenize.snapshot        the token shards that it lists, and the scrubbed texts behind them
tables of token shards   the same
tokenize.learn           the texts that it was learned from: without it all is encoded again
ingest.batch             its plan and its raw shards: other rules begin there
a list                   its members
"""

from collections.abc import Iterable, Iterator

from pipeline_lib.ingest.stage import BATCH
from pipeline_lib.plan.trunks import TRUNK
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import LIST, LISTS, Store
from pipeline_lib.store.shards import SHARDS_FILE
from pipeline_lib.tokenize.snapshot import MERGED, SHARDS, SNAPSHOT
from pipeline_lib.tokenize.stage import LEARN
from pipeline_lib.train.stage import TRAIN

OF_LISTS = (LIST, LISTS)
WITH_ALL_INPUTS = (TRAIN.name, LEARN.name, BATCH.name)
WITH_SHARDS = (SNAPSHOT.name, SHARDS.name, MERGED.name)


def with_needs(store: Store, refs: Iterable[Ref]) -> Iterator[Ref]:
    """These artifacts and all that they need, each at least once; also those that are not there.

    Raises `DamagedArtifact` for one that does not say any more what it needs.
    """
    waiting = list(refs)
    seen: set[Ref] = set()
    while waiting:
        ref = waiting.pop()
        if ref in seen:
            continue
        seen.add(ref)
        yield ref
        if store.path(ref.stage, ref.fingerprint).is_dir():
            found = store.read(ref.stage, ref.fingerprint)
            waiting += needs_of(store, found)
            if found.maker == TRAIN.name and TRUNK in found.inputs:
                yield found.inputs[TRUNK]


def needs_of(store: Store, found: Manifest) -> Iterator[Ref]:
    """What one artifact needs and is followed further. Raises as `with_needs`."""
    if found.schema in OF_LISTS:
        yield from found.members
    elif found.maker in WITH_ALL_INPUTS:
        yield from (ref for name, ref in found.inputs.items() if name != TRUNK)
    elif found.maker in WITH_SHARDS:
        yield from _shards_of(store, found.ref)


def _shards_of(store: Store, ref: Ref) -> Iterator[Ref]:
    from pipeline_lib.store.tables import read_table

    path = store.open(ref.stage, ref.fingerprint, files=[SHARDS_FILE]).file(SHARDS_FILE)
    for row in read_table(path, ["shard", "documents"]).to_pylist():
        yield Ref("tokenize", row["shard"])
        yield Ref("scrub", row["documents"])
