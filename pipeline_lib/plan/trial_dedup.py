"""What dedup would do with one document: the index of all that is there is asked, as by the next batch.

Of the past only what may be alike is held, and only texts that may be are opened, as when a batch is decided. The look
changes nothing; a text of the document lies in a private folder until then.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.plan.data import plan_sealed_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace

OWN = "try"  # the name of its shard
OF_TEXTS = "clean"


@dataclass(frozen=True)
class Alike:
    """What is there that a document is like."""

    document_id: str = ""  # "": of nothing that is there
    jaccard: float = 0.0
    is_near: bool = False  # alike, and not the same text
    unasked: str = ""  # why nobody could look

    @property
    def reason(self) -> str:
        """As dedup writes it down."""
        return "near_duplicate" if self.is_near else "exact_duplicate"


def alike_of(settings: Settings, workspace: Workspace, documents: pa.Table) -> Alike:
    """What the document, the only row of documents.v2, is a duplicate of, among all that the workspace has kept."""
    try:
        refs = plan_sealed_data(settings, workspace).carried.before("index")
        if not refs:
            return Alike(unasked="no night has kept a document yet")
        if not all(workspace.store.is_present(ref) for ref in refs):
            return Alike(unasked="no night with these settings has an index yet")
        return _decided(settings.of(DedupSettings), workspace.store, refs, documents)
    except NightshiftError as exc:
        return Alike(unasked=str(exc))


def _decided(own: DedupSettings, store: Store, refs: tuple[Ref, ...], documents: pa.Table) -> Alike:
    from pipeline_lib.dedup.decide import STAYS, decide
    from pipeline_lib.dedup.entries import entries_of
    from pipeline_lib.dedup.index import Segment, read_earlier
    from pipeline_lib.dedup.schemas import INDEX_FILE, WITHDRAWN_FILE
    from pipeline_lib.dedup.sketch import sketch_documents
    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.tables import write_parquet

    def file(ref: Ref, name: str) -> Path:
        return store.open(ref.stage, ref.fingerprint, files=[name]).file(name)

    segments = [Segment(file(ref, INDEX_FILE), file(ref, WITHDRAWN_FILE)) for ref in refs]
    batch = entries_of(own, sketch_documents(own, documents.select(["document_id", "text"])), OWN)
    earlier = read_earlier(own, segments, (), batch)
    with TemporaryDirectory() as folder:
        text = Path(folder) / DOCUMENTS_FILE
        write_parquet(documents, text)

        def opened(shard: str) -> Path | None:
            if shard == OWN:
                return text
            ref = Ref(OF_TEXTS, shard)
            return file(ref, DOCUMENTS_FILE) if store.path(ref.stage, shard).is_dir() else None

        decision = decide(own, earlier, batch, opened)
    at = decision.num_earlier
    partner = int(decision.partners[at])
    if partner == STAYS:
        return Alike()
    name = decision.entries.document_ids[partner].as_py()
    return Alike(name, float(decision.jaccards[at]), bool(decision.is_near[at]))
