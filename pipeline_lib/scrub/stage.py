"""Replace personal data by keyed pseudonyms, placeholders, or drop the document.

    text   text (a clean.text shard), signals, judged (of that shard), decided (of its batch); part, key_id
           -> documents.parquet (what all three keep), ledger.parquet (+ num_email, num_ip, num_cn_id, ...)

What is found: e-mail addresses, public IP addresses, Chinese identity numbers, bank cards, phone numbers (detect.py,
and the notes there on what makes each of them one). Names and street addresses are not: no rule finds them all, and
none is promised. Scrubbing twice changes nothing: tokens are not looked into (pseudonym.py).
A shard is read and written in pieces. Documents that left their source stay in it: a snapshot leaves them out.
The tokenizer is trained after this stage, never before: a frequent phone number would become a token.
"""

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.scrub.key import find_key
from pipeline_lib.scrub.settings import KINDS, ScrubSettings
from pipeline_lib.store.artifact import Outcome

if TYPE_CHECKING:
    from pipeline_lib.scrub.kept import Shard

SIGNALS_FILE = "signals.parquet"


def make_text(settings: ScrubSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Scrub the documents of one shard that clean and dedup keep.

    Of the parameters `part` is the number of the shard in its batch, `key_id` names the key.
    """
    import pyarrow.compute as pc

    from pipeline_lib.scrub.documents import SCRUB_LEDGER_SCHEMA, dropped_by_reason, scrub_documents
    from pipeline_lib.scrub.kept import read_kept
    from pipeline_lib.scrub.strings import Scrubber
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA, LEDGER_FILE
    from pipeline_lib.store.tables import TableWriter

    scrubber = Scrubber(settings, find_key(inputs.params["key_id"], os.environ, inputs.workspace))
    num_bytes = 0
    dropped, found = Counter[str](), Counter[str]({f"num_{kind}": 0 for kind in KINDS})
    with (
        TableWriter(folder / DOCUMENTS_FILE, DOCUMENTS_SCHEMA) as documents,
        TableWriter(folder / LEDGER_FILE, SCRUB_LEDGER_SCHEMA) as ledger,
    ):
        for piece in read_kept(_shard(inputs)):
            scrubbed = scrub_documents(scrubber, piece)
            documents.write(scrubbed.kept)
            ledger.write(scrubbed.ledger)
            dropped.update(dropped_by_reason(scrubbed.fails))
            num_bytes += pc.sum(pc.binary_length(scrubbed.kept["text"])).as_py() or 0
            found.update({f"num_{kind}": int(n) for kind, n in zip(KINDS, scrubbed.counts.sum(axis=0), strict=True)})
    return Outcome(
        rows_in=ledger.num_rows,
        rows_out=documents.num_rows,
        dropped=dict(sorted(dropped.items())),
        file_rows={DOCUMENTS_FILE: documents.num_rows, LEDGER_FILE: ledger.num_rows},
        facts={"key_id": scrubber.key.key_id, "num_bytes": num_bytes, **found},
    )


def _shard(inputs: Inputs) -> "Shard":
    from pipeline_lib.scrub.kept import Shard
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE, part_name

    return Shard(
        text=inputs.file("text", DOCUMENTS_FILE),
        signals=inputs.file("signals", SIGNALS_FILE),
        judged=inputs.file("judged", LEDGER_FILE),
        decided=inputs.file("decided", f"{part_name(inputs.params['part'])}/{LEDGER_FILE}"),
    )


TEXT = Maker("scrub.text", 1, "documents.v2", make_text, reads=(*KINDS, "phone_regions"))
MAKERS = (TEXT,)
