"""decontaminate: documents that hold tests of others go. This one knows no tests, and keeps everything.

decide   decided (of dedup) -> part-00000/ledger.parquet, ...: the same decisions
"""

from pathlib import Path
from shutil import copyfile

from pipeline_lib.decontaminate.settings import DecontaminateSettings
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome


def make_decisions(settings: DecontaminateSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Decide a batch of params["num_shards"] shards."""
    from pipeline_lib.store.schemas import LEDGER_FILE, part_name
    from pipeline_lib.store.tables import read_table

    num_kept = 0
    for part in map(part_name, range(inputs.params["num_shards"])):
        decided = inputs.file("decided", f"{part}/{LEDGER_FILE}")
        num_kept += sum(read_table(decided, ["is_kept"])["is_kept"].to_pylist())
        (folder / part).mkdir()
        copyfile(decided, folder / part / LEDGER_FILE)
    return Outcome(rows_in=num_kept, rows_out=num_kept, facts={"ngram_words": settings.ngram_words})


DECIDE = Maker("decontaminate.decide", 1, "decisions.v1", make_decisions, reads=("ngram_words",))
MAKERS = (DECIDE,)
