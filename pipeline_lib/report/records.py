"""Where the pages of a workspace lie, and the numbers they were made of.

    reports/2026-11-30-220455-1f0c9a2b.json     the numbers: what the next page goes on from, and is compared with
    reports/2026-11-30-220455-1f0c9a2b.html     the page; with samples in it, so `forget` removes it (the numbers stay)

The name is a time (UTC) and the beginning of the digest of all that was counted. So a page that is there is not made
again, and a night in which nothing is new leaves that of the last one. Both can be lost: the next page is then made of
all batches once more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.past.made import last_of
from pipeline_lib.plan.last import RECIPE
from pipeline_lib.report.counts import Counts, from_rows
from pipeline_lib.store.artifact import digest_of
from pipeline_lib.store.files import OWNER_ONLY, readable, remove_file, write_atomically
from pipeline_lib.store.records import REPORTS_FOLDER, make_room, read_comfort, write_comfort
from pipeline_lib.store.workspace import Workspace

PAGE, NUMBERS = ".html", ".json"
VERSION = 1  # of what is counted and shown: another one makes all pages new
NAMED = 8  # characters of the digest in a name
BEGIN, END = "<!--samples-->", "<!--/samples-->"  # around what shows text of documents; nobody's text can hold them
SAMPLES = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)

Rows = list[list[str | int]]


@dataclass(frozen=True)
class Record:
    """What a page says in numbers. No text, no name of a document or file."""

    key: str  # digest of what was counted
    created: float  # Unix seconds
    profile: str
    recipe: str  # all that decides what becomes of a batch
    batches: list[str]  # fingerprints, oldest first
    labels: list[str]  # of the batches that this night added: "0003-docs"
    all_rows: Rows = field(repr=False)  # of all batches, as `as_rows` writes them
    new_rows: Rows = field(repr=False)  # of those of this night
    limits: list[list[str | float]]  # rule, signal, bound, limit, languages: those that are on
    told: dict[str, Any] = field(default_factory=dict)  # what the night said of itself
    before: str = ""  # name of the page that it is compared with

    @property
    def name(self) -> str:
        """Of page and numbers, in the order of time."""
        return f"{datetime.fromtimestamp(self.created, UTC):%Y-%m-%d-%H%M%S}-{self.key[:NAMED]}"

    @cached_property
    def all(self) -> Counts:
        """What all batches come to."""
        return from_rows(self.all_rows)

    @cached_property
    def new(self) -> Counts:
        """What this night's batches come to."""
        return from_rows(self.new_rows)


def key_of(workspace: Workspace) -> str | None:
    """The digest of what a page would be made of now; None before the first refresh.

    The newest snapshot follows from all texts and decisions, the recipe from all rules.
    """
    snapshots = last_of(workspace, "tokenize-snapshot", "tokenize.snapshot")
    if not snapshots:
        return None
    batches = [batch.fingerprint for batch in workspace.batches()]
    return digest_of([VERSION, workspace.last(RECIPE), snapshots[-1].fingerprint, batches])


def names(workspace: Workspace) -> list[str]:
    """Of all pages whose numbers are there, oldest first."""
    return sorted(path.stem for path in _folder(workspace).glob(f"[!.]*{NUMBERS}"))


def page_path(workspace: Workspace, name: str) -> Path:
    """Where a page of this name lies, or would."""
    return _folder(workspace) / f"{name}{PAGE}"


def name_of(workspace: Workspace, key: str) -> str | None:
    """The name of what was made of this, if it was."""
    return next((name for name in reversed(names(workspace)) if name.endswith(f"-{key[:NAMED]}")), None)


def page_that_stands(workspace: Workspace) -> Path | None:
    """The page of what is there now; None where it was not made yet, or is gone. Light: nothing is read but names."""
    key = key_of(workspace)
    name = None if key is None else name_of(workspace, key)
    path = None if name is None else page_path(workspace, name)
    return path if path is not None and path.is_file() else None


def read(workspace: Workspace, name: str) -> Record | None:
    """The numbers of this name; None, with a word, where they are not understood."""
    return read_comfort(_folder(workspace) / f"{name}{NUMBERS}", Record)


def newest_but(workspace: Workspace, key: str) -> Record | None:
    """The newest numbers that are not those of this digest."""
    others = (name for name in reversed(names(workspace)) if not name.endswith(f"-{key[:NAMED]}"))
    return next((found for name in others if (found := read(workspace, name)) is not None), None)


def save(workspace: Workspace, record: Record) -> None:
    """Keep the numbers."""
    write_comfort(_folder(workspace) / f"{record.name}{NUMBERS}", readable(_as_json(record)).encode())


def _as_json(record: Record) -> Mapping[str, Any]:
    return asdict(record)


def save_page(workspace: Workspace, name: str, html: str) -> Path:
    """Keep a page, for its owner alone. Raises `UpstreamError` where the disk does not take it."""
    path = page_path(workspace, name)
    make_room(path)
    write_atomically(path, html.encode())
    path.chmod(OWNER_ONLY)
    return path


def without_samples(html: str) -> str:
    """A page that may leave the workspace: all of it but text and ids of documents.

    Raises `DataError` where its marks are no pairs: what is behind one of them may be a sample.
    """
    rest = SAMPLES.sub("", html)
    if BEGIN in rest or END in rest:
        raise DataError("nobody can tell where its samples are")
    return rest


def shared_page(workspace: Workspace) -> str | None:
    """The page of what is there now, as it may leave the workspace; None where there is none.

    Raises `DataError`, `OSError` or `UnicodeError` where it is not as it was written.
    """
    found = page_that_stands(workspace)
    return None if found is None else without_samples(found.read_text(encoding="utf-8"))


def keep_newest(workspace: Workspace, number: int) -> None:
    """Remove all but the newest pages, and their numbers."""
    _remove(workspace, names(workspace)[:-number], (PAGE, NUMBERS))


def forget_pages(root: Path) -> int:
    """Remove all pages, since they may show what shall be gone; how many there were. Their numbers name nobody."""
    pages = sorted((root / REPORTS_FOLDER).glob(f"*{PAGE}*"))  # temporary ones of a killed process, too
    for page in pages:
        remove_file(page)
    return len(pages)


def _remove(workspace: Workspace, old: Sequence[str], endings: Sequence[str]) -> None:
    for name in old:
        for ending in endings:
            remove_file(_folder(workspace) / f"{name}{ending}")


def _folder(workspace: Workspace) -> Path:
    return workspace.root / REPORTS_FOLDER
