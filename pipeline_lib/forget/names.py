"""One document by its names, while it is being forgotten: what is looked for, and what takes its place.

    state/forgetting.json     these names, from before the first artifact is touched until the last one is done

Nothing else in a workspace has the names of a forgotten document; with the file they go, too.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from pipeline_lib.store.files import remove_file
from pipeline_lib.store.forgotten import STAND_IN
from pipeline_lib.store.records import read_state, write_state
from pipeline_lib.store.sides import side_of

FILE = "forgetting.json"


@dataclass(frozen=True)
class Names:
    """What one document is called, and the hashes that take the place of these names."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    source: str
    url: str
    path: str | None  # where the document is a whole file
    ids: Mapping[str, str]  # of its versions, each with its hash
    place: str  # keyed hash of source and url
    is_held_out: bool  # models were judged on it; a document never changes sides

    @property
    def stand_in(self) -> str:
        """What stands where its url stood."""
        return f"{STAND_IN}{self.place}"

    @cached_property
    def side(self) -> int:
        """The number of its place, by which its side was decided: a hash without a key."""
        return side_of(self.source, self.url)


def begin(workspace: Path, names: list[Names]) -> None:
    """Write down what is going to be taken out, before anything is."""
    write_state(_path(workspace), [asdict(one) for one in names])


def is_begun(workspace: Path) -> bool:
    """Whether something was begun and not ended."""
    return _path(workspace).exists()


def begun(workspace: Path) -> list[Names]:
    """What was begun and not ended."""
    advice = "Delete it, and forget the document once more by its URL."
    return read_state(_path(workspace), list[Names], advice=advice) or []


def end(workspace: Path) -> None:
    """All of it is done."""
    remove_file(_path(workspace))


def _path(workspace: Path) -> Path:
    return workspace / "state" / FILE
