"""One way to compile a kernel: numba without Python objects, without the interpreter lock, cached on disk.

Compiling all kernels takes some seconds once; later processes load the machine code. The cache knows only the file a
kernel stands in: kernels that call each other, and the constants that they are compiled with, stand in one file, or a
change would go unseen.
Kernels have no linear algebra: for that numba would load SciPy.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.imports import import_without

with suppress(ImportError):  # a module of numba's own, which it would load, with SciPy, for the first kernel
    import_without("numba.np.arraymath", "scipy.linalg")

Kernel = TypeVar("Kernel", bound=Callable[..., object])
Number = TypeVar("Number", bound=np.generic)


def compiled(function: Kernel) -> Kernel:
    """The function as machine code, with the signature it had."""
    return cast(Kernel, numba.njit(cache=True, nogil=True)(function))


def read_only(array: NDArray[Number]) -> NDArray[Number]:
    """A view that cannot be written to, for what a kernel reads from Arrow.

    To numba arrays that may be written to and arrays that may not are two types, each of which has every kernel
    compiled anew; which of them Arrow gives depends on where a buffer came from.
    """
    view = array.view()
    view.flags.writeable = False
    return view
