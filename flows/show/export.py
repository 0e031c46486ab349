"""`nightshift export`: a bar while it writes, then what there is and how it is opened."""

from pathlib import Path

from flows.console import ConsoleReporter
from pipeline_lib.past.export import KINDS, Kind, export_snapshot
from pipeline_lib.store.workspace import Workspace


def show_export(workspace: Workspace, folder: Path, only: Kind | None) -> None:
    """Export the newest snapshot into a folder, all of it or one kind."""
    kinds = KINDS if only is None else (only,)
    folder = folder.expanduser().resolve()
    with ConsoleReporter() as reporter:
        reporter.started("export", folder.name)
        done = export_snapshot(workspace, folder, kinds, reporter.progress)
    documents = ", ".join(f"{number:,} documents of {split}" for split, number in done.num_documents.items())
    reporter.say(f"snapshot {done.snapshot[:8]}: {documents}, {done.num_bytes / 1e6:,.1f} MB")
    for kind in kinds:
        reporter.say(f'  datasets.load_dataset("{folder / kind}")')
    reporter.say(f'  transformers.AutoTokenizer.from_pretrained("{folder / "tokenizer"}")')
