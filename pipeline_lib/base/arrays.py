"""Arrays as kernels take them; without numba, for those who only prepare or read them."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


def read_only(array: NDArray[Number]) -> NDArray[Number]:
    """A view that cannot be written to, for what a kernel reads from Arrow.

    To numba arrays that may be written to and arrays that may not are two types, each of which has every kernel
    compiled anew; which of them Arrow gives depends on where a buffer came from.
    """
    view = array.view()
    view.flags.writeable = False
    return view
