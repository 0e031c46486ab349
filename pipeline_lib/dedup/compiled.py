"""One way to compile a kernel: numba without Python objects, without the interpreter lock, cached on disk.

Compiling all kernels takes about 6 seconds once; later processes load the machine code in well under one. The cache
knows only the file a kernel stands in: kernels that call each other stand in one file, or a change would go unseen.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(function: Kernel) -> Kernel:
    """The function as machine code, with the signature it had."""
    return cast(Kernel, numba.njit(cache=True, nogil=True)(function))
