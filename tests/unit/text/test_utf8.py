"""UTF-8 kernels against Python's own codec."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.text.utf8 import decode, encode

BORDERS = "\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"


@settings(deadline=None)  # the first call compiles
@given(st.one_of(st.just(BORDERS), st.text(max_size=30)))
def test_decoding_gives_the_characters_and_encoding_gives_the_bytes_back(text: str) -> None:
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.zeros(len(data), np.uint8)
    points, at = [], 0
    while at < len(data):
        point, width = decode(data, at)
        points.append(chr(point))
        assert encode(point, out, at) == width
        at += width
    assert "".join(points) == text
    assert bytes(out) == bytes(data)
