"""Headers of an answer as a crawler stored it."""

import io

import pytest

from pipeline_lib.ingest.http_message import read_headers

HEADERS = {
    "one by one": (b"A: x\r\nB: y\r\n\r\n", {"a": "x", "b": "y"}),
    "one name again, in other letters": (b"b: 1\r\nA: x\r\nB: 2\r\nb:\r\n\r\n", {"b": "1, 2, ", "a": "x"}),
    "a value on several lines": (b"a: x\r\n y\r\n\tz\r\nb: 1\r\n\r\n", {"a": "x y z", "b": "1"}),
    "a blank at the start": (b" x: y\r\n\r\n", {"x": "y"}),
    "without a colon": (b"nonsense\r\na: x\r\n\r\n", {"nonsense": "", "a": "x"}),
    "newlines alone": (b"a: x\nb: y\n\n", {"a": "x", "b": "y"}),
    "nothing": (b"\r\n", {}),
    "one name in all of a mebibyte": (b"a:b\r\n" * 200_000 + b"\r\n", {"a": ", ".join(["b"] * 200_000)}),
}


@pytest.mark.parametrize(("data", "headers"), HEADERS.values(), ids=HEADERS)
def test_headers_are_values_by_name(data: bytes, headers: dict[str, str]) -> None:
    raw = io.BytesIO(data + b"body")
    assert read_headers(raw) == headers
    assert raw.read() == b"body"


def test_headers_that_the_file_ends_in_are_those_that_are_there() -> None:
    assert read_headers(io.BytesIO(b"a: x\r\nb: y")) == {"a": "x", "b": "y"}
