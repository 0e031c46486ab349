r"""Signals about source code (The Stack v2: Lozhkov et al. 2024, arXiv:2402.19173, section 2.3), 7 MB/s a core.

letter_char_share      letters, of all characters
encoded_char_share     characters in encoded data: Base64 of 64 characters and more, eight bytes and more in hexadecimal
                       (0x1f, 0x8b, ... or 1f 8b ... or \x1f\x8b...), eight and more \u escapes
longest_encoded_chars  characters in the longest run of it
num_generated_marks    lines among the first five that say that a program wrote the file
"""

import re
from typing import TYPE_CHECKING

from pipeline_lib.clean.signal_group import SignalGroup

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.clean.signal_group import Columns

SIGNALS = ("letter_char_share", "encoded_char_share", "longest_encoded_chars", "num_generated_marks")
ENCODED = re.compile(
    r"(?:[A-Za-z0-9+/]{64,}={0,2}\n?)+"
    r"|(?:\b(?:0[xX])?[0-9A-Fa-f]{2}\b[,;\s]{0,3}){8,}"
    r"|(?:\\x[0-9A-Fa-f]{2}){8,}"
    r"|(?:\\u[0-9A-Fa-f]{4}){8,}"
)
GENERATED = re.compile(r"auto-?generated|automatically generated|generated automatically|this file is generated", re.I)
NUM_FIRST_LINES = 5


def measure(texts: "pa.LargeStringArray", signals: "Columns") -> "Columns":
    """The signals of `SIGNALS`; texts must not be null."""
    import numpy as np
    import pyarrow.compute as pc

    num_chars = np.maximum(signals["num_chars"], 1)
    letters = pc.utf8_length(pc.replace_substring_regex(texts, r"[^\p{L}]+", ""))
    plain = texts.to_pylist()
    runs = [[len(run) for run in ENCODED.findall(text)] for text in plain]
    marks = [len([line for line in _first_lines(text) if GENERATED.search(line)]) for text in plain]
    return {
        "letter_char_share": np.array(letters, np.float64) / num_chars,
        "encoded_char_share": np.array([sum(found) for found in runs], np.float64) / num_chars,
        "longest_encoded_chars": np.array([max(found, default=0) for found in runs], np.float64),
        "num_generated_marks": np.array(marks, np.float64),
    }


def _first_lines(text: str) -> list[str]:
    return text.split("\n", NUM_FIRST_LINES)[:NUM_FIRST_LINES]


CODE = SignalGroup("code.v1", SIGNALS, measure)
