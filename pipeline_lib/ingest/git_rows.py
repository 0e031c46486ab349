"""The files of a repository as rows of a landing, and those again as documents."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.ingest.charset import decode
from pipeline_lib.ingest.code_files import FORMATS, MADE, POINTER, VENDORED, is_binary, is_made, language_of
from pipeline_lib.ingest.git_objects import (
    FILE_MODES,
    LINK_MODE,
    MODULE_MODE,
    Blobs,
    Entry,
    blobs_of,
    commit_of,
    tree_of,
)
from pipeline_lib.ingest.kinds import untaken
from pipeline_lib.ingest.landed import LandedRows, Row
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.licences import FILE_NAMES, declared_licence, licence_of
from pipeline_lib.ingest.members import escaped, is_hidden
from pipeline_lib.ingest.records import MIB, Bad, Limits, Listing, PassedOver, Record, SourceFile, Unreadable
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.tables import iterate

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.git import GitSource

MAX_FILE_BYTES, MAX_LICENCE_BYTES = 4 * MIB, MIB
GENERATED = "generated"
ODD_MODES = {LINK_MODE: "link", MODULE_MODE: "submodule"}
PASSED_FILE = "passed_over.json"
Licences = Mapping[str, str | None]  # by folder, with "/" behind it; "" is the root


def fetch(source: "GitSource", landing: Landing, before: Path | None, folder: Path) -> str:
    """Give the files of the revision to the landing; the commit."""
    repository = source.path.expanduser()
    commit, listing = commit_of(repository, source.revision), Listing()
    known = _known(before) if before is not None and landing.last is not None else {}
    with blobs_of(repository) as blobs:
        entries = list(tree_of(repository, commit))
        licences = _licences(entries, blobs)
        taken = [entry for entry in entries if _is_taken(source, entry, listing)]
        same = {entry.path for entry in taken if _told(entry, licences) == known.get(_name(entry))}
        for entry in taken:
            if entry.path in same:
                landing.there(_name(entry), is_deleted=False)
        for entry in taken:
            if entry.path not in same and (row := _row(source, entry, blobs, licences, listing)) is not None:
                landing.add(row, is_deleted=False)
    passed = {kind: [one.num_files, one.example] for kind, one in listing.in_order().passed_over.items()}
    write_json(folder / PASSED_FILE, passed)
    return commit


class LandedFiles(LandedRows):
    """The files of a landing, each in the format of its language."""

    def __init__(self, landing: Path) -> None:
        super().__init__(landing, "text")
        self._passed = landing / PASSED_FILE

    def files(self) -> Listing:
        """The pieces, and what of the repository is passed over."""
        listing = super().files()
        passed = read_json(self._passed) if self._passed.is_file() else {}
        return Listing(listing.files, {kind: PassedOver(*one) for kind, one in passed.items()}, listing.digests)

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """A record for each file with text."""
        for item in super().read(file, limits):
            if isinstance(item, Record):
                language = (item.metadata or {}).get("language", "")
                yield item._replace(format=FORMATS.get(language, "text"))
            else:
                yield item


def _name(entry: Entry) -> str:
    return escaped(entry.path.decode("utf-8", "surrogateescape"))


def _told(entry: Entry, licences: Licences) -> tuple[str, str | None]:
    return entry.blob, _nearest(licences, entry.path)


def _known(before: Path) -> dict[str, tuple[str, str | None]]:
    """Of each file that landed before: the digest that git has for it, and its licence."""
    found = {}
    for piece in sorted(before.glob("*.parquet")):
        for part in iterate(piece, ["id", "licence", "metadata"]):
            for row in part.to_pylist():
                found[row["id"]] = dict(row["metadata"] or ()).get("blob", ""), row["licence"]
    return found


def _licences(entries: list[Entry], blobs: Blobs) -> Licences:
    """What the files for it say, by the folder they lie in; several of one folder with ", " between."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        folder, _, name = _name(entry).rpartition("/")
        if entry.mode in FILE_MODES and FILE_NAMES.fullmatch(name) and entry.num_bytes <= MAX_LICENCE_BYTES:
            try:
                licence = licence_of(blobs[entry.blob].decode("utf-8", "replace"))
            except KeyError:
                continue
            found.setdefault(folder, set()).update({licence} if licence else ())
    return {folder: ", ".join(sorted(names)) or None for folder, names in found.items()}


def _nearest(licences: Licences, path: bytes) -> str | None:
    """The licence of the nearest folder above a file that has one."""
    folder = path.decode("utf-8", "surrogateescape")
    while folder:
        folder = folder.rpartition("/")[0]
        if licence := licences.get(escaped(folder)):
            return licence
    return None


def _is_taken(source: "GitSource", entry: Entry, listing: Listing) -> bool:
    """Whether a file is read, by all that its line in the tree tells; else it is counted."""
    path, name = entry.path.decode("utf-8", "surrogateescape"), _name(entry)
    if is_hidden(path):
        listing.pass_over("hidden")
        return False
    reason = ODD_MODES.get(entry.mode) or _why_not(source, path, entry.num_bytes)
    if reason:
        listing.pass_over(reason, name)
    return not reason


def _why_not(source: "GitSource", path: str, num_bytes: int) -> str:
    if not source.takes(path):
        return "excluded"
    if VENDORED.search(path) and not source.vendored:
        return "vendored"
    if not language_of(path):
        return untaken(path)
    if MADE.search(path) and not source.generated:
        return GENERATED
    return "" if num_bytes <= MAX_FILE_BYTES else "longer than 4 MiB"


def _row(source: "GitSource", entry: Entry, blobs: Blobs, licences: Licences, listing: Listing) -> Row | None:
    """The row of a file; none where its content says that it is no text, or nobody's, which is counted."""
    name = _name(entry)
    try:
        content = blobs[entry.blob]
    except KeyError:
        listing.pass_over("not in the repository", name)
        return None
    if reason := _what_it_is(content, is_generated_taken=source.generated):
        listing.pass_over(reason, name)
        return None
    metadata = {"language": language_of(name), "blob": entry.blob}
    try:
        decoded = decode(content)
    except Unreadable as exc:
        return Row(name, name, None, fault=str(exc), metadata=tuple(metadata.items()))
    licence = declared_licence(decoded.text) or _nearest(licences, entry.path)
    metadata |= decoded.metadata or {}
    return Row(name, name, decoded.text, licence=licence, metadata=tuple(metadata.items()))


def _what_it_is(content: bytes, *, is_generated_taken: bool) -> str:
    if not content.strip():
        return "empty"
    if content.startswith(POINTER):
        return "pointer to a large file"
    if is_binary(content):
        return "binary"
    return GENERATED if is_made(content) and not is_generated_taken else ""
