"""Makers and works: what can be made, as data.

    Maker   the unit of name and version: `clean.judge@1`, one function of settings and named inputs
    Work    one artifact that a maker can make: the settings that decide, named references to its inputs

A work is known by its fingerprint before it is done: hash(maker@version, settings that decide, parameters, fingerprints
of the named inputs). It holds no closure, no path and no secret, and pickles to a few hundred bytes. A list of more
than a few inputs is an artifact of its own (`run/lists.py`), so that one reference names it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.base.settings import StageSettings
from pipeline_lib.store.artifact import Manifest, Outcome, Ref, digest_of

if TYPE_CHECKING:
    from pipeline_lib.run.inputs import Inputs

Named = Mapping[str, Ref]


@dataclass(frozen=True)
class Maker:
    """Makes one kind of artifact. `make(settings, inputs, folder)` fills an empty folder.

    A change of what it puts out for the same input raises `version`. It sees the settings that it `reads`, which enter
    fingerprints, those that it only `sees` (they decide through a parameter, or another maker's), and operational ones.
    """

    name: str  # "clean.judge": the word of its stage, and what it makes
    version: int
    schema: str  # of its main file: "documents.v2"
    make: Callable[[Any, "Inputs", Path], Outcome]
    reads: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    only_with: str | None = None  # the setting without which a night has no work of it
    of_kind: str | None = None  # of the entries of that setting those that it is for, by their `kind`
    is_light: bool = False  # done in the calling process: it adds up, speaks to a server, or has a process of its own

    @property
    def stage(self) -> str:
        """The word of its stage."""
        return self.name.partition(".")[0]

    @property
    def id(self) -> str:
        """Name and version: what enters fingerprints."""
        return f"{self.name}@{self.version}"

    def is_asked(self, settings: StageSettings) -> bool:
        """Whether nights with these settings of its stage have works of it."""
        if self.only_with is None:
            return True
        given = getattr(settings, self.only_with)
        return bool(given) if self.of_kind is None else any(entry.kind == self.of_kind for entry in given)


@dataclass(frozen=True)
class Work:
    """One artifact that can be made."""

    maker: Maker
    settings: StageSettings | None = None  # of its stage, with nothing in them but what the maker may look at
    inputs: Named = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)  # what decides beside settings: a number, a key's id
    beside: Named = field(default_factory=dict)  # where the maker looks things up that decide no byte
    members: tuple[Ref, ...] = ()  # of a list
    name: str = ""  # "shard 3", for people
    lost: str = ""  # why what is there counts no more: what it stands for outside of the store is gone

    @cached_property
    def decisive(self) -> dict[str, Any]:
        """The settings and parameters that decide the bytes, as JSON."""
        settings = {} if self.settings is None else self.settings.decisive(self.maker.reads)
        return {**settings, **self.params}

    @cached_property
    def fingerprint(self) -> str:
        """Its name, 32 hexadecimal characters."""
        inputs = {name: ref.fingerprint for name, ref in self.inputs.items()}
        members = [ref.fingerprint for ref in self.members]
        return digest_of({"maker": self.maker.id, "settings": self.decisive, "inputs": inputs, "members": members})

    @property
    def ref(self) -> Ref:
        """The reference to what it makes."""
        return Ref(self.maker.stage, self.fingerprint)

    @property
    def is_recorded(self) -> bool:
        """Whether it only stands for what is there, and cannot be done."""
        return isinstance(self.maker.make, Vanished)

    @property
    def needs(self) -> tuple[Ref, ...]:
        """All that has to be there before it can be made."""
        return (*self.inputs.values(), *self.beside.values(), *self.members)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was worked out from the rest: a work travels to its worker in a few hundred bytes."""
        return {name: value for name, value in self.__dict__.items() if name != "decisive"}


@dataclass(frozen=True)
class Vanished:
    """Stands in for the maker of what is there already: only asked where that vanished since the plan was made."""

    ref: Ref

    def __call__(self, _settings: None, _inputs: "Inputs", _folder: Path) -> Outcome:
        """Raises `DamagedArtifact`: who knows how it was made can make it again."""
        raise DamagedArtifact(
            f"{self.ref} was there when this night was planned, and vanished since. Run the same command again.",
            stage=self.ref.stage,
            fingerprint=self.ref.fingerprint,
        )


def recorded(manifest: Manifest) -> Work:
    """The work that made an artifact, by what its manifest says: it has the same name, and cannot be done again."""
    maker = Maker(manifest.maker, manifest.version, manifest.schema, Vanished(manifest.ref))
    return Work(maker, None, manifest.inputs, manifest.settings, members=manifest.members, name=manifest.maker)


def work_of(
    maker: Maker,
    settings: StageSettings | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    beside: Named | None = None,
    name: str = "",
    **inputs: Ref,
) -> Work:
    """The work of a maker with these inputs, which sees of the settings what its maker may see."""
    seen = None if settings is None else settings.only({*maker.reads, *maker.sees})
    return Work(maker, seen, inputs, params or {}, beside or {}, name=name)
