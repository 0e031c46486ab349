"""What was removed of a document, and what remains: on record, without its name.

    certificates/<day>-<first characters of its keyed hash>.json, .md

Who keeps the document's URL can show with the workspace's key (keys/forget.key) that a certificate is of it; nobody
else can tell whose it is.
"""

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from pipeline_lib.forget.names import FILE, Names
from pipeline_lib.forget.purge import marked
from pipeline_lib.keep.noted import backups_noted
from pipeline_lib.run.execute import code_revision
from pipeline_lib.store.files import readable, write_atomically
from pipeline_lib.store.forgotten import Tombstone
from pipeline_lib.store.workspace import Workspace

FOLDER = "certificates"
SHOWN = 12  # characters of the hash in the name of a certificate
CHUNK_BYTES = 1 << 20
# Tables are asked by their columns, and weights name nobody.
TABLES_AND_WEIGHTS = frozenset({".parquet", ".arrow", ".safetensors", ".onnx", ".pt", ".bin"})


@dataclass(frozen=True)
class Certificate:
    """What is certified."""

    document: str  # keyed hash of source and url
    source: str
    num_versions: int
    forgotten: str  # UTC
    purged: str  # UTC
    release: str
    revision: str
    removed_from: Mapping[str, int]  # artifacts by maker
    batches: Sequence[str]  # that held it, and are never read from their sources again
    models: Sequence[str]  # fingerprints of those that learned it, or may have
    versions: Sequence[str] = ()  # of these in MLflow
    backups: Sequence[str] = ()  # made before it was purged: they may hold it
    still_in: Sequence[str] | None = ()  # files in which its id, URL or path stands; None: they were not known any more
    unread: Sequence[str] = ()  # files of which nobody can say it


def certify(workspace: Workspace, stone: Tombstone, names: Names | None, versions: Sequence[str] = ()) -> Path:
    """Write the certificate of a document that is purged; where the page for people lies."""
    batches = {lay.batch for lay in stone.lay}
    still_in, unread = (None, []) if names is None else files_with(workspace.root, names)
    content = Certificate(
        document=stone.place,
        source=stone.source,
        num_versions=len({lay.document for lay in stone.lay}),
        forgotten=_clock(stone.at),
        purged=_clock(stone.purged or stone.at),
        release=_release(),
        revision=code_revision(),
        removed_from=dict(sorted(marked(workspace.store, stone.place).items())),
        batches=[batch.name for batch in workspace.batches() if batch.fingerprint in batches],
        models=stone.models,
        versions=versions,
        backups=[
            f"{one.id} in {one.folder}" for one in backups_noted(workspace) if one.time <= (stone.purged or stone.at)
        ],
        still_in=still_in,
        unread=unread,
    )
    place = place_of(workspace, stone)
    write_atomically(place.with_suffix(".json"), readable(asdict(content)).encode())
    write_atomically(place, _page(content).encode())
    return place


def place_of(workspace: Workspace, stone: Tombstone) -> Path:
    """Where the page of a certificate lies."""
    day = time.strftime("%Y-%m-%d", time.gmtime(stone.at))
    return workspace.root / FOLDER / f"{day}-{stone.place[:SHOWN]}.md"


def files_with(root: Path, names: Names) -> tuple[list[str], list[str]]:
    """The files of a workspace in which an id, the url or the path stands as it is written (logs, databases, records),
    also within JSON that has nothing but ASCII; and those that cannot be read. Servers may write to them meanwhile."""
    called = [*names.ids, names.url, *([names.path] if names.path else [])]
    wanted = {word.encode() for name in called for word in (name, json.dumps(name)[1:-1])}
    found: list[str] = []
    unread: list[str] = []
    for path in sorted(_files(root)):
        try:
            if _has(path, wanted):
                found.append(path.relative_to(root).as_posix())
        except FileNotFoundError:  # it has gone since
            continue
        except OSError:
            unread.append(path.relative_to(root).as_posix())
    return found, unread


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            if path.suffix not in TABLES_AND_WEIGHTS and path.name != FILE and path.is_file():
                yield path


def _has(path: Path, wanted: Collection[bytes]) -> bool:
    overlap = max(map(len, wanted))
    with path.open("rb") as file:
        content = b""
        while chunk := file.read(CHUNK_BYTES):
            content = content[-overlap:] + chunk
            if any(name in content for name in wanted):
                return True
    return False


def _page(content: Certificate) -> str:
    removed = "\n".join(f"| {maker} | {count:,} |" for maker, count in content.removed_from.items())
    shown = ", ".join(content.versions) or "none is registered"
    models = f"{len(content.models)} model(s) learned from it, or may have ({shown}): {', '.join(content.models)}"
    backups = f"Backups that are on record: {'; '.join(content.backups)}." if content.backups else "None is on record."
    return f"""# Certificate: a document was forgotten

| | |
|---|---|
| document (keyed hash) | `{content.document}` |
| source | {content.source} |
| versions | {content.num_versions} |
| forgotten | {content.forgotten} |
| removed from every layer | {content.purged} |
| by | Nightshift {content.release}, revision {content.revision} |

## Removed

| from artifacts of | number |
|---|--:|
{removed}

Its rows hold neither text nor names any more: an id became its keyed hash, its tokens as many zeros. Benchmarks, the
scores on them, the index of duplicates and the lists of documents lost its rows. The plans by which its batches were
read ({", ".join(content.batches)}) are gone, so that nobody reads it from there again.

## Remains

- {models if content.models else "No model learned from it."}
- Each later model that goes on from the trunk of one of these has it from there; its version is tagged, too.
- What a model or a tokenizer has learned stays in its weights and its vocabulary: retrain from scratch
  (`train.restart`, another `tokenize.generation`) where that has to go, too.
- Sums over many documents: how many there were, their tokens and bytes; how long the document was.
- Copies that were made before {content.purged} and lie elsewhere: of this workspace, exports of it
  (`nightshift export`), and the source itself. {backups} A copy of the workspace that is put back has to forget it
  once more.
{_elsewhere(content)}
"""


def _elsewhere(content: Certificate) -> str:
    """What else has its names."""
    if content.still_in is None:
        return "- Its names were not known any more when it was taken out, so no other file was asked for them."
    left, odd = ", ".join(content.still_in), ", ".join(content.unread)
    lines = [f"- Its id, URL or path stands in these files as characters: {left}."] if left else []
    lines += [f"- These files cannot be read, so nobody can say whether it stands there: {odd}."] if odd else []
    return "\n".join(lines) or "- No other file of this workspace has its id, URL or path."


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _release() -> str:
    try:
        return metadata.version("nightshift")
    except metadata.PackageNotFoundError:
        return "unknown"
