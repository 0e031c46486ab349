"""One way to compile a kernel: numba without Python objects, without the interpreter lock, cached on disk.

Compiling all kernels takes some seconds once; later processes load the machine code. numba's cache knows only the file
that a kernel stands in; here a kernel also counts as changed when a kernel or a number changed that its file imports.
Arrays that it is compiled with stand in its own file.
Kernels have no linear algebra: for that numba would load SciPy.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

from pipeline_lib.base.imports import import_without

with suppress(ImportError):  # a module of numba's own, which it would load, with SciPy, for the first kernel
    import_without("numba.np.arraymath", "scipy.linalg")

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(function: Kernel) -> Kernel:
    """The function as machine code, with the signature it had."""
    kernel = numba.njit(cache=True, nogil=True)(function)
    index = _cache_index(kernel)
    index._source_stamp = (index._source_stamp, _imported(kernel.py_func.__globals__, kernel.__code__.co_filename))
    return cast(Kernel, kernel)


def _imported(names: Mapping[str, Any], file: str) -> tuple[tuple[str, Any], ...]:
    """What a file's machine code depends on beside its own text: stamps of kernels of other files, and numbers."""
    kernels = {
        name: _cache_index(value)._source_stamp
        for name, value in names.items()
        if isinstance(value, Dispatcher) and value.__code__.co_filename != file
    }
    numbers = {name: value for name, value in names.items() if isinstance(value, int | float | np.generic)}
    return tuple(sorted({**kernels, **numbers}.items()))


def _cache_index(kernel: Any) -> Any:
    return kernel._cache._cache_file
