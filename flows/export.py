"""`nightshift export`: a bar while it writes, then what there is and how it is opened."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from flows.console import ConsoleReporter
from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.past.export import KINDS, USUAL_SEGMENTS, Exported, Kind, export_snapshot
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tasks.night import Given, open_night, with_given
from tasks.runtime import PlainRuntime
from tasks.steps import make_again


def export_newest(
    settings: Settings,
    workspace: Workspace,
    folder: Path,
    only: Kind | None,
    segment_chars: tuple[int, int] | None = None,
) -> None:
    """Export the newest snapshot into a folder: texts and tokens or one kind; with segments where their length is said.

    Raises as `export_snapshot` and `make_again`.
    """
    usual = KINDS if segment_chars is None else (*KINDS, "segments")
    kinds: Sequence[Kind] = usual if only is None else (only,)
    write = partial(export_snapshot, kinds=kinds, segment_chars=segment_chars or USUAL_SEGMENTS)
    folder = folder.expanduser().resolve()
    with ConsoleReporter() as reporter:
        done = _mending(settings, workspace, folder, write, reporter)
    documents = ", ".join(f"{number:,} documents of {split}" for split, number in done.num_documents.items())
    reporter.say(f"snapshot {done.snapshot[:8]}: {documents}, {done.num_bytes / 1e6:,.1f} MB")
    for kind in kinds:
        reporter.say(f'  datasets.load_dataset("{folder / kind}")')
    reporter.say(f'  transformers.AutoTokenizer.from_pretrained("{folder / "tokenizer"}")')


def _mending(
    settings: Settings, workspace: Workspace, folder: Path, write: Callable[..., Exported], reporter: ConsoleReporter
) -> Exported:
    """Export; what turns out damaged is made again, once each. Nobody else would: its batch is closed."""
    mended: set[tuple[str, str]] = set()
    while True:
        try:
            reporter.started("export", folder.name)
            return write(workspace, folder, told=reporter.progress)
        except DamagedArtifact as exc:
            name = (exc.stage, exc.fingerprint)
            if name in mended:
                raise
            mended.add(name)
            _make_again(exc, settings, reporter)


def _make_again(exc: DamagedArtifact, settings: Settings, reporter: ConsoleReporter) -> None:
    with with_given(Given(reporter)), open_night(settings, "export", PlainRuntime()) as night:
        try:
            make_again(exc, night)
        except DamagedArtifact as lost:
            raise DataError(
                f"export: {exc.stage}/{exc.fingerprint} is gone or damaged, and so is what it was made from "
                f"({lost.stage}/{lost.fingerprint}). Put one of them back from a copy of the workspace."
            ) from lost
