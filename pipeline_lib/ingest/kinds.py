"""What files are known by: the suffix that a reader is listed under, and the way they are compressed."""

from collections.abc import Callable, Iterator
from posixpath import splitext

from pipeline_lib.ingest.records import Bad, ReadOptions, Record
from pipeline_lib.ingest.streams import DECOMPRESSORS, Stream

Reader = Callable[[Stream, ReadOptions], Iterator[Record | Bad]]

SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".tbz": ".bz2", ".txz": ".xz", ".tzst": ".zst"}  # of a compressed tar
ARCHIVES = (".tar", ".zip")


def kind_of(path: str) -> tuple[str, str]:
    """What readers are listed by (the suffix, or the whole name where there is none), and the way it is compressed."""
    name, suffix = splitext(path.lower().rpartition("/")[2])  # pathlib would take a second for a large package
    if suffix in SHORT:
        return ".tar", SHORT[suffix]
    compression = suffix if suffix in DECOMPRESSORS else ""
    if compression:
        name, suffix = splitext(name)
    return suffix or name, compression


def untaken(path: str) -> str:
    """What a file that no reader takes is counted under: ".xlsx", ".xlsx.gz", "no suffix"."""
    name, compression = kind_of(path)
    return f"{name if name.startswith('.') else ''}{compression}" or "no suffix"
