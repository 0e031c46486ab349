"""What an artifact needs beside itself, as long as it stays. Most need nothing: nobody looks behind what is whole.

train.model              its snapshot and tokenizer; of the trunk that it went on from that alone: what `trace --step`
                         opens, and what makes it again when it is lost
tokenize.snapshot        the token shards that it lists, and the scrubbed texts behind them
tables of token shards   the same
dedup.decide, .index     the texts that later documents are compared with: without them what is nearly alike stays
tokenize.learn           the texts that it was learned from: without it all is encoded again
ingest.batch             its plan and its raw shards: other rules begin there
a list                   its members
"""

from collections.abc import Iterable, Iterator, Mapping

from pipeline_lib.dedup.schemas import INDEX_FILE
from pipeline_lib.dedup.stage import DECIDE, INDEX, TEXT_STAGE
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
WITH_TEXTS = (DECIDE.name, INDEX.name)


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
        yield from _named_in(store, found.ref, SHARDS_FILE, {"shard": "tokenize", "documents": "scrub"})
    elif found.maker in WITH_TEXTS:
        yield from _named_in(store, found.ref, INDEX_FILE, {"shard": TEXT_STAGE})


def _named_in(store: Store, ref: Ref, file: str, stages: Mapping[str, str]) -> Iterator[Ref]:
    """The artifacts that columns of a table name, each once. `stages`: by column that of its artifacts."""
    from pipeline_lib.store.tables import read_table

    table = read_table(store.open(ref.stage, ref.fingerprint, files=[file]).file(file), list(stages))
    for column, stage in stages.items():
        yield from (Ref(stage, name) for name in table[column].unique().to_pylist())
