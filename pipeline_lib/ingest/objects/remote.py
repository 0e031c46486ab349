"""What a store of objects on another machine says of itself: its objects by name, each with a version, and their bytes.

s3/bucket.py and hub/repository.py are such stores; landing.py copies from them what is new.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol


class RemoteFile(NamedTuple):  # made for each object of a store, each night
    """An object as its store lists it."""

    name: str  # relative to what the source asks for, with "/"
    num_bytes: int
    version: str  # another one whenever the bytes are others
    is_settled: bool = True  # False: so young that it may still be written again under the same version


class Gone(Exception):
    """An object is not there any more."""


class Moving(Exception):
    """An object became another one while it was fetched."""


class Denied(Exception):
    """An object is listed and may not be read."""


class Remote(Protocol):
    """A store that is asked for what it holds. Its own errors are raised as those of base/errors.py."""

    @property
    def told(self) -> Mapping[str, str]:
        """What it says of all that it holds: `licence`, and metadata by name."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What the manifest of a landing says of it."""

    @property
    def is_whole(self) -> bool:
        """Whether what it does not list is not there."""

    def files(self) -> Iterator[RemoteFile]:
        """All objects, in whatever order."""

    def fetch(self, file: RemoteFile, target: Path) -> None:
        """Write the bytes of an object to `target`, where the first of them may lie already.

        Raises `Gone`, `Moving` or `Denied` where that concerns this object alone.
        """
