"""Inputs for a maker in a test: plain folders stand for artifacts, nothing is sealed.

given(documents=folder, shards=[first, second], params={"part": 0})
given(text=folder, said={"text": outcome})     what its manifest says
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.artifact import Manifest, Outcome, Ref
from pipeline_lib.store.local import Store


@dataclass
class LooseStore:
    """Folders by reference, and lists of references; manifests say what they are told to."""

    folders: dict[Ref, Path] = field(default_factory=dict)
    lists: dict[Ref, list[Ref]] = field(default_factory=dict)
    outcomes: dict[Ref, Outcome] = field(default_factory=dict)
    schemas: dict[Ref, str] = field(default_factory=dict)
    made: dict[Ref, Mapping[str, Any]] = field(default_factory=dict)

    def open(self, stage: str, name: str, *, files: Sequence[str] | None = None) -> Any:
        return _Loose(self.folders[Ref(stage, name)])

    def read(self, stage: str, name: str) -> Manifest:
        said = self.outcomes.get(Ref(stage, name), Outcome(0, 0))
        return Manifest(
            maker=f"{stage}.loose",
            version=1,
            fingerprint=name,
            schema=self.schemas.get(Ref(stage, name), ""),
            settings={},
            inputs={},
            members=(),
            files=(),
            rows_in=said.rows_in,
            rows_out=said.rows_out,
            dropped=said.dropped,
            facts=said.facts,
            made=self.made.get(Ref(stage, name), {}),
        )

    def is_apart(self, ref: Ref) -> bool:
        return True

    def members(self, ref: Ref) -> Iterator[Ref]:
        yield from self.lists[ref]

    def add(self, name: str, what: Path | Sequence[Path]) -> Ref:
        """A reference to a folder, or to a list of folders."""
        ref = Ref("given", name)
        if isinstance(what, Path):
            self.folders[ref] = what
        else:
            self.lists[ref] = [self.add(f"{name}-{number}", folder) for number, folder in enumerate(what)]
        return ref


@dataclass(frozen=True)
class _Loose:
    path: Path

    def file(self, name: str) -> Path:
        return self.path / name


def given(
    *,
    params: Mapping[str, Any] | None = None,
    said: Mapping[str, Outcome] | None = None,
    **named: Path | Sequence[Path],
) -> Inputs:
    """Inputs that are these folders and lists of folders."""
    store = LooseStore()
    refs = {name: store.add(name, what) for name, what in named.items()}
    store.outcomes.update({refs[name]: outcome for name, outcome in (said or {}).items() if name in refs})
    return Inputs(cast(Store, store), refs, params or {})
