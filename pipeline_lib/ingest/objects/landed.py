"""The objects of a landing as files: each is read by its name, as a file of a folder is."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from pipeline_lib.ingest.fields import told_too
from pipeline_lib.ingest.objects.kept import place_in, read_kept
from pipeline_lib.ingest.objects.told import read_told
from pipeline_lib.ingest.records import Bad, Limits, Listing, PassedOver, Record, SourceFile
from pipeline_lib.ingest.streams import part_of_file
from pipeline_lib.store.files import read_json

PASSED_FILE = "passed_over.json"
LICENCE = "licence"  # in what is told; all else is metadata

Read = Callable[[SourceFile, Limits], Iterator[Record | Bad]]


class LandedObjects:
    """The objects of a landing, read by `read`, with what their store says of them."""

    def __init__(self, landing: Path, read: Read) -> None:
        self._landing, self._read = landing, read

    def files(self) -> Listing:
        """The objects, with the digests that the landing itself gives, and what of the store is passed over."""
        kept = read_kept(self._landing)
        passed = {kind: PassedOver(*one) for kind, one in read_json(self._landing / PASSED_FILE).items()}
        digests = {name: one.digest for name, one in kept.items()}
        return Listing({name: str(place_in(self._landing, name)) for name in kept}, passed, digests)

    def locate(self, paths: Collection[str]) -> dict[str, Path]:
        """The places of those that are still there."""
        places = {path: place_in(self._landing, path) for path in paths}
        return {path: place for path, place in places.items() if place.is_file()}

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """What the reader of its name makes of an object."""
        told, num_bytes = read_told(file.raw, file.num_bytes)
        metadata = {name: value for name, value in told.items() if name != LICENCE}
        for item in self._read(_first(file, num_bytes), limits):
            yield _licensed(told_too(item, metadata or None), told)

    def unwrapped(self, file: SourceFile) -> SourceFile:
        """The object, without what is told of it."""
        return _first(file, read_told(file.raw, file.num_bytes)[1])

    def read_unwrapped(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """What the reader of its name makes of an object, without what is told of it."""
        return self._read(file, limits)


def _first(file: SourceFile, num_bytes: int) -> SourceFile:
    """So many bytes of a file as one."""
    return SourceFile(file.path, part_of_file(file.raw, 0, num_bytes), num_bytes, file.lines)


def _licensed(item: Record | Bad, told: Mapping[str, str]) -> Record | Bad:
    is_told = isinstance(item, Record) and not item.licence and LICENCE in told
    return item._replace(licence=told[LICENCE]) if is_told and isinstance(item, Record) else item
