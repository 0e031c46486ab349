"""What a maker is given beside its settings: its inputs by name, opened and verified, and its parameters.

inputs.file("documents", DOCUMENTS_FILE)     one file of one input, its digest compared with the manifest
inputs.files("shards", DOCUMENTS_FILE)       that file of each member of a list (run/lists.py)
inputs.folder("tokenizer")                   a whole artifact, all of its files verified
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store


def say_nothing(_progress: Any) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Inputs:
    """The opened inputs of one work."""

    store: Store
    named: Mapping[str, Ref]
    params: Mapping[str, Any] = field(default_factory=dict)
    listed: tuple[Ref, ...] = ()  # members of the list that is made
    workspace: Path = Path()  # for makers that speak to a service of the workspace, or need a key of it
    work_folder: Path = Path()  # of this work: what is in it survives a kill
    report: Callable[[Any], None] = say_nothing  # how far a long work is, where somebody watches

    def has(self, name: str) -> bool:
        """Whether there is an input of that name: some are optional."""
        return name in self.named

    def file(self, name: str, file: str) -> Path:
        """One verified file of an input."""
        ref = self._ref(name)
        return self.store.open(ref.stage, ref.fingerprint, files=[file]).file(file)

    def files(self, name: str, file: str) -> list[Path]:
        """That file of each member of the list that this input is, in its order, verified."""
        return [self.store.open(ref.stage, ref.fingerprint, files=[file]).file(file) for ref in self.members(name)]

    def folder(self, name: str) -> Path:
        """The folder of an input, all of its files verified."""
        ref = self._ref(name)
        return self.store.open(ref.stage, ref.fingerprint).path

    def manifest(self, name: str) -> Manifest:
        """The manifest of an input."""
        ref = self._ref(name)
        return self.store.read(ref.stage, ref.fingerprint)

    def members(self, name: str) -> Iterator[Ref]:
        """The references that the list of this name holds, in its order."""
        yield from self.store.members(self._ref(name))

    def _ref(self, name: str) -> Ref:
        if name not in self.named:
            raise DataError(f"There is no input {name!r} among {', '.join(self.named) or 'none'}. Please report it.")
        return self.named[name]
