"""What files are known by: the suffix that a reader is listed under, and the way they are compressed."""

import re
from collections.abc import Callable, Iterator
from posixpath import splitext

from pipeline_lib.ingest.records import Bad, ReadOptions, Record
from pipeline_lib.ingest.streams import DECOMPRESSORS, Stream

Reader = Callable[[Stream, ReadOptions], Iterator[Record | Bad]]

SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".tbz": ".bz2", ".txz": ".xz", ".tzst": ".zst"}  # of a compressed tar
ARCHIVES = (".tar", ".zip")
SUFFIX = re.compile(r"\.[a-z0-9_+-]{1,10}")  # what else stands behind a dot is a part of somebody's name for a file


def kind_of(path: str) -> tuple[str, str]:
    """What readers are listed by (the suffix, or the whole name where there is none), and the way it is compressed."""
    name = path[path.rfind("/") + 1 :].lower()  # pathlib would take a second for a large package
    if name[:1] == ".":
        name, suffix = splitext(name)
    else:  # the same at a third of the time
        at = name.rfind(".")
        name, suffix = (name, "") if at < 0 else (name[:at], name[at:])
    if suffix in SHORT:
        return ".tar", SHORT[suffix]
    compression = suffix if suffix in DECOMPRESSORS else ""
    if compression:
        name, suffix = splitext(name)
    return suffix or name, compression


def untaken(path: str) -> str:
    """What a file that no reader takes is counted under: ".xlsx", ".xlsx.gz", "no suffix", "other suffix".

    It is shown and kept where names of files are not.
    """
    name, compression = kind_of(path)
    suffix = name if name.startswith(".") else ""
    return "other suffix" if suffix and not SUFFIX.fullmatch(suffix) else f"{suffix}{compression}" or "no suffix"
