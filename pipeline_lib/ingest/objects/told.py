"""What a store says of an object (licence, languages), behind its bytes in the same file.

    the bytes of the object | JSON in UTF-8 | length of that, 8 bytes, big-endian

So the digest of a landed file covers both: where a card names another licence, its files are other files, and are read
again. Readers see the bytes of the object alone.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pipeline_lib.ingest.records import Unreadable

LENGTH_BYTES = 8
MAX_TOLD_BYTES = 1 << 20


def write_told(path: Path, told: Mapping[str, str]) -> None:
    """Put it behind the bytes of a file."""
    text = json.dumps(dict(told), sort_keys=True, separators=(",", ":")).encode()
    with path.open("ab") as out:
        out.write(text + len(text).to_bytes(LENGTH_BYTES, "big"))


def read_told(raw: BinaryIO, num_bytes: int) -> tuple[dict[str, str], int]:
    """What stands behind the bytes of an object, and how many these are, in a file of `num_bytes`.

    Raises `Unreadable` where nothing does, or what does is nothing that `write_told` writes.
    """
    end = num_bytes - LENGTH_BYTES
    if end >= 0:
        raw.seek(end)
        length = int.from_bytes(raw.read(LENGTH_BYTES), "big")
        if 0 < length <= min(end, MAX_TOLD_BYTES):
            raw.seek(end - length)
            with suppress(ValueError, RecursionError):
                told = json.loads(raw.read(length))
                if isinstance(told, dict) and all(isinstance(value, str) for value in told.values()):
                    return told, end - length
    raise Unreadable("not as it landed", None)
