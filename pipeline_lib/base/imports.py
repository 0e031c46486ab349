"""Large libraries, loaded at less cost: without other libraries that nothing here needs, without the collector.

spaCy loads torch (1 s, 300 MB) and its command line, pyarrow pandas (0.2 s), numba SciPy (0.2 s): in each
worker process, each night, and in a night of few documents that is most of its time.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from types import ModuleType


def import_without(name: str, absent: str, unused: Sequence[str] = ()) -> ModuleType:
    """Import a module that does without `absent` when that cannot be imported. What is loaded already stays loaded.

    It takes names from the modules `unused`, and has no use for them here: each of these names is None in it.
    """
    with _refused(absent), _stood_in_for(unused):
        return importlib.import_module(name)


def arrow_without_pandas() -> None:
    """Let pyarrow do without pandas in this process.

    It looks for pandas once at its first array from numpy and once at its first array to numpy.
    """
    import numpy as np
    import pyarrow as pa

    with _refused("pandas"):
        pa.array(np.zeros(1)).to_numpy()


@contextmanager
def collector_off() -> Iterator[None]:
    """No garbage collection while large libraries load: what they make stays, and is looked at in vain again and again.

    What is there at the end is left out of later collections too.
    """
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if is_on:
            gc.enable()


class _Refusal:
    """A finder of modules (PEP 302) that stands before all others and refuses one of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """None lets the other finders look."""
        if name == self._name:
            raise ModuleNotFoundError(f"{name} is not wanted here", name=name)


class _StandIn(ModuleType):
    """A package in which every name is None."""

    __path__: MutableSequence[str] = []  # noqa: RUF012 - what makes a module a package

    def __getattr__(self, _name: str) -> None:
        return None


@contextmanager
def _stood_in_for(names: Sequence[str]) -> Iterator[None]:
    """Empty modules under these names, which are gone afterwards: whoever asks for them then gets the real ones."""
    put = {name: _StandIn(name) for name in names if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


@contextmanager
def _refused(name: str) -> Iterator[None]:
    refusal = _Refusal(name)
    sys.meta_path.insert(0, refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(refusal)
