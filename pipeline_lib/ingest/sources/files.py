"""`files`: a folder of text files. What lies in it and is not read is counted by kind, whatever the reason is."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.mapped import MappedSource
from pipeline_lib.ingest.records import Listing, Slug
from pipeline_lib.ingest.sources.layouts import is_of_hub, of_tools
from pipeline_lib.store.files import translate_os_error


class FilesSource(MappedSource):
    """A folder (or one file) of txt, md, rst, html, JSON, JSONL, CSV, TSV, Parquet, Arrow, PDF, docx, EPUB, XML (JATS,
    PubMed, dumps of MediaWiki), WARC, WET, ARC; plain, .gz, .zst, .bz2, .xz; in zip and tar."""

    kind: Literal["files"] = "files"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    path: Path = Field(
        description="The folder, searched with its subfolders, or one file. Hidden files are skipped.",
        json_schema_extra=operational(),
    )

    def files(self) -> Listing:
        """All files below the folder that a reader takes and the patterns do not leave out."""
        listing = Listing()
        root = self._root()
        if root.is_file():
            self._sort(root.name, str(root), listing)
        else:
            for path, place in _walk(root, "", os.path.realpath(root), listing):
                self._sort(path, place, listing)
        return listing.in_order()

    def locate(self, paths: Collection[str]) -> dict[str, Path]:
        """The places below the folder."""
        root = self._root()
        return {root.name: root} if root.is_file() else {path: root / path for path in paths}

    def why_not_read(self, path: str) -> str | None:
        """Under which kind a file of the folder is passed over; None for one that is read, or is not there."""
        root, listing = self._root(), Listing()
        parent = Path(path).parent
        if (root / parent).is_dir() and not parent.is_absolute() and ".." not in parent.parts:
            entries = list(os.scandir(root / parent))
            not_read = of_tools(root / parent, {entry.name for entry in entries})
            for entry in entries:
                if entry.name == path.rpartition("/")[2]:
                    reason = not_read.get(entry.name) or _refusal(entry, os.path.realpath(root))
                    listing.pass_over(reason) if reason else self._sort(path, entry.path, listing)
        return next(iter(listing.passed_over), None)

    def _root(self) -> Path:
        root = self.path.expanduser()
        if not root.exists():
            raise SettingsError(
                f"ingest: the path of source {self.name!r} does not exist: {root}. "
                "Create it or correct `path` in its settings."
            )
        return root

    def _sort(self, path: str, place: str, listing: Listing) -> None:
        """Take a file, or count it where it belongs."""
        if reason := self.why_not(path):
            listing.pass_over(reason, path)
        else:
            listing.files[path] = place


def _walk(folder: Path, prefix: str, real_root: str, listing: Listing) -> Iterator[tuple[str, str]]:
    """All files below `folder`. What is no file of this source is counted."""
    try:
        entries = list(os.scandir(folder))
    except OSError as exc:  # passing over it would look as if all of its files were gone
        raise translate_os_error(exc, folder) from exc
    not_read = of_tools(folder, {entry.name for entry in entries})
    for entry in entries:
        path = prefix + entry.name
        reason = not_read.get(entry.name) or _refusal(entry, real_root)
        if reason is not None:
            listing.pass_over(reason, None if reason in NAMELESS else path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{path}/", real_root, listing)
        else:
            yield path, entry.path


NAMELESS = ("hidden", "name that is not UTF-8")


def _refusal(entry: "os.DirEntry[str]", real_root: str) -> str | None:
    """Why an entry is neither a folder to search nor a file to read, or None.

    A link to a file counts if the file lies within the root, or among the blobs of the snapshot that the root is; links
    to folders never do.
    """
    if entry.name.startswith("."):
        return "hidden"
    if not entry.name.isprintable() and any("\udc80" <= sign <= "\udcff" for sign in entry.name):
        return "name that is not UTF-8"
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return None
    return _refused_link(entry, real_root) if entry.is_symlink() else "neither file nor folder"


def _refused_link(entry: "os.DirEntry[str]", real_root: str) -> str | None:
    try:
        if entry.is_dir():
            return "link to a folder"
        if not entry.is_file():
            return "link to nothing"
    except OSError:  # a link to itself
        return "link to nothing"
    target = Path(os.path.realpath(entry.path))
    is_ours = target.is_relative_to(real_root) or is_of_hub(target, Path(real_root))
    return None if is_ours else "link out of the source"
