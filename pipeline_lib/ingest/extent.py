"""Into how many shards a file goes, by what will come out of it: a plan comes before reading, so it is guessed.

    most formats    the text and documents in its first half MiB, as often as that is in it
    .parquet        those of its first rows, and how many rows its footer names
    .zip            the sizes that its list names of members that are text

What a record has beside its text counts nothing, and what is compressed counts unpacked. A guess decides how many parts
there are, not what is in them (split.py): a wrong one makes larger or smaller parts, and loses nothing. Files of less
than a MiB, and those that are one document, are not opened.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipeline_lib.ingest.documents import Reading
from pipeline_lib.ingest.kinds import kind_of
from pipeline_lib.ingest.plan import FilePlan
from pipeline_lib.ingest.records import KIB, MIB, Bad, Record, SourceFile, Unreadable, WrappedFiles
from pipeline_lib.ingest.streams import Stream
from pipeline_lib.ingest.zipped import members_of_zip

# Of a part: text as much as files are grouped up to by default, so that shards are alike; or documents, where these are
# so short that their number tells.
PART_BYTES = 8 * MIB
PART_DOCUMENTS = 1 << 16
PART_STORED_BYTES = 64 * KIB  # no less of a file: whatever its head or footer claims, its parts are not many
LOOKED_AT_BYTES, HEAD_BYTES, HEAD_ROWS = MIB, 512 * KIB, 1 << 11  # bzip2 packs up to 900 kB together

TEXTS = frozenset({".txt", ".md", ".rst", ".html", ".htm"})
LINES = frozenset({".jsonl", ".ndjson", ".json", ".csv", ".tsv"})
OF_MANY = LINES | {".parquet", ".arrow", ".feather", ".warc", ".wet", ".arc", ".xml", ".nxml", ".tar", ".zip"}

Read = Callable[[SourceFile], Iterator[Record | Bad]]


class Extent(NamedTuple):
    """The text and the documents that come out of a file, or are likely to."""

    num_bytes: float
    num_documents: float

    @property
    def num_parts(self) -> int:
        """As many as are not smaller than a part shall be; one at least."""
        return max(1, int(self.num_bytes // PART_BYTES), int(self.num_documents // PART_DOCUMENTS))

    def times(self, number: float) -> "Extent":
        """So often the same."""
        return Extent(self.num_bytes * number, self.num_documents * number)


def num_parts_of(reading: Reading, file: FilePlan, place: Path) -> int:
    """The parts of a file that nobody has read yet."""
    suffix, compression = kind_of(file.path)
    if file.bytes < LOOKED_AT_BYTES or suffix not in OF_MANY:
        return 1
    extent = Extent(0, 0)
    with suppress(OSError, Unreadable), place.open("rb") as raw:  # reading it will say why
        own, read = _unwrapped(reading, SourceFile(file.path, raw, file.bytes))
        if suffix == ".zip" and not compression:
            extent = _of_zip(own, reading.limits.max_expansion)
        elif suffix == ".parquet" and not compression:
            extent = _of_rows(own, read)
        else:
            extent = _of_head(own, read)
    return min(extent.num_parts, max(1, file.bytes // PART_STORED_BYTES))


def _unwrapped(reading: Reading, file: SourceFile) -> tuple[SourceFile, Read]:
    """The bytes that are of its kind, and what reads them, or their head."""
    files, limits = reading.files, reading.limits
    if isinstance(files, WrappedFiles):
        return files.unwrapped(file), lambda one: files.read_unwrapped(one, limits)
    return file, lambda one: files.read(one, limits)


def _of_head(file: SourceFile, read: Read) -> Extent:
    """Where the head alone cannot be read the size is all there is to go by."""
    file.raw.seek(0)
    head = file.raw.read(HEAD_BYTES)
    found = _sum(read(SourceFile(file.path, io.BytesIO(head), len(head))))
    return found.times(file.num_bytes / len(head)) if found.num_documents else Extent(file.num_bytes, 0)


def _of_rows(file: SourceFile, read: Read) -> Extent:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        num_rows = pq.read_metadata(file.raw).num_rows
    except pa.ArrowException as exc:
        raise Unreadable("damaged Parquet") from exc
    file.raw.seek(0)
    found = _sum(islice(read(file), HEAD_ROWS))
    return found.times(num_rows / max(1, found.num_documents))


def _of_zip(file: SourceFile, max_expansion: int) -> Extent:
    members = members_of_zip(Stream(file.raw, "", file.num_bytes, max_expansion))
    sizes = (one.num_bytes for one in members if kind_of(one.name)[0] in TEXTS | LINES and not one.refusal)
    return Extent(min(sum(sizes), file.num_bytes * max_expansion), 0)


def _sum(items: Iterable[Record | Bad]) -> Extent:
    num_bytes = num_documents = 0
    with suppress(Unreadable):
        for item in items:
            num_documents += 1
            num_bytes += len(item.text.encode("utf-8", "surrogatepass")) if isinstance(item, Record) else 0
    return Extent(num_bytes, num_documents)
