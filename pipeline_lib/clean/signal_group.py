"""A group of signals that only some rules ask for: it is measured where one of these rules is on, and else not there.

Those that every night has stand in kernel.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Columns = Mapping[str, npt.NDArray[np.float64]]
    Measure = Callable[[pa.LargeStringArray, Columns], Columns]


@dataclass(frozen=True)
class SignalGroup:
    """Signals that are measured together.

    `measure(texts, signals)` gives a float64 array for each of them, with an entry for each text; `signals` are those
    of kernel.py for the same texts. If it puts out something else for the same text, it is another version.
    """

    name: str  # "lines.v1"
    signals: tuple[str, ...]
    measure: "Measure"
