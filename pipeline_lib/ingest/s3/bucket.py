"""A bucket by pyarrow's client of S3: its objects below a prefix, and their bytes.

That client lists no ETag: what tells an object from its successor is its size and the time of its last change, which
each write sets anew. A time of this or the last moment may be followed by another write in the same second, so an
object that young is fetched again by the next night. A listing is held whole, 0.4 kB an object.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pyarrow import fs

from pipeline_lib.base.errors import SettingsError, UpstreamError
from pipeline_lib.ingest.objects.remote import Denied, Gone, Moving, RemoteFile
from pipeline_lib.ingest.records import MIB
from pipeline_lib.ingest.s3.faults import NotThere, fault_of, is_denied

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.s3 import S3Source

READ_BYTES = 8 * MIB  # a request each
TRIES = 4  # of each request, with growing pauses between them
FIRST_PAUSE_SECONDS = 0.5
YOUNG_NS = 2_000_000_000


class Bucket:
    """The objects that a source asks for."""

    told: Mapping[str, str] = MappingProxyType({})
    facts: Mapping[str, str] = MappingProxyType({})
    is_whole = True

    def __init__(self, source: "S3Source") -> None:
        self._source = source
        self._folder = source.url.removeprefix("s3://").strip("/")
        self._client = _client(source)

    def files(self) -> Iterator[RemoteFile]:
        """The objects below the prefix, or the one that it names."""
        youngest = time.time_ns() - YOUNG_NS
        try:
            infos = self._ask(self._client.get_file_info, fs.FileSelector(self._folder, recursive=True))
        except NotThere:
            infos = [self._one()]
            self._folder = self._folder.rpartition("/")[0]
        for info in infos:
            if info.type == fs.FileType.File:
                version = _version(info)
                is_settled = (info.mtime_ns or 0) < youngest
                yield RemoteFile(info.path[len(self._folder) + 1 :], info.size, version, is_settled)

    def fetch(self, file: RemoteFile, target: Path) -> None:
        """See `Remote`."""
        path = f"{self._folder}/{file.name}"
        try:
            with self._ask_one(self._client.open_input_file, path) as raw:
                if self._ask_one(raw.size) != file.num_bytes:
                    raise Moving
                self._copy(raw, target, file.num_bytes)
            (info,) = self._ask_one(self._client.get_file_info, [path])
        except NotThere as exc:
            raise Gone from exc
        if info.type != fs.FileType.File or _version(info) != file.version:
            raise Moving

    def _copy(self, raw: Any, target: Path, num_bytes: int) -> None:
        """Write what is not there yet."""
        with target.open("ab") as out:
            while out.tell() < num_bytes:
                chunk = self._ask_one(raw.read_at, min(READ_BYTES, num_bytes - out.tell()), out.tell())
                if not chunk:
                    raise Moving
                out.write(chunk)

    def _one(self) -> Any:
        """The object that the address itself names."""
        (info,) = self._ask(self._client.get_file_info, [self._folder])
        if info.type != fs.FileType.File or self._source.url.endswith("/"):
            raise SettingsError(
                f"ingest: no object lies under the url of source {self._source.name!r}. Correct its bucket and prefix."
            )
        return info

    def _ask(self, what: Callable[..., Any], *given: Any) -> Any:
        """What the client answers. Its errors are raised as ours."""
        try:
            return what(*given)
        except OSError as exc:
            raise fault_of(exc, self._source.name) from exc

    def _ask_one(self, what: Callable[..., Any], *given: Any) -> Any:
        """The same of one object: who may list them may be denied it.

        It is asked again here too. The client does not, where a fault has more words than the object bytes.
        """
        for left in reversed(range(TRIES)):
            try:
                return what(*given)
            except OSError as exc:
                fault = Denied() if is_denied(exc) else fault_of(exc, self._source.name)
                if not left or not isinstance(fault, UpstreamError):
                    raise fault from exc
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (TRIES - 1 - left))
        raise AssertionError("unreachable")


def _client(source: "S3Source") -> fs.S3FileSystem:
    return fs.S3FileSystem(
        anonymous=source.anonymous,
        region=source.region,
        endpoint_override=source.endpoint,
        request_timeout=source.timeout_seconds,
        connect_timeout=source.timeout_seconds,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=TRIES),
    )


def _version(info: Any) -> str:
    return f"{info.size} {info.mtime_ns}"
