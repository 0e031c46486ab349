"""Files of the user's that models are made of: .jsonl and .txt, also packed; read when a plan is made and a model is.

What decides is what they say: who reads them takes texts by their digests, in that order, and none twice. No message
has a word of them: a place is a path, and a number of a line.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson
import xxhash

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.model_settings import TextModel

FORMATS = (".jsonl", ".txt")
PARQUET = ".parquet"  # of references too: `nightshift export` writes it
PACKED = (".gz", ".zst", ".bz2")


class Read(Protocol):
    """What was read for a model."""

    @property
    def digest(self) -> str:
        """Of all of it, behind how much there is, which a plan can show."""


Model = TypeVar("Model", bound=TextModel)


def digest_once(model: Model, files: Sequence[Path], read: Callable[[Model], Read]) -> str:
    """The digest of what `read` reads. Files that are as they were are not read again by the same process."""
    return _known_digest(read, model, tuple(_seen(path) for path in files))


@lru_cache(maxsize=64)
def _known_digest(read: Callable[[Any], Read], model: TextModel, _seen: tuple[tuple[str, int, int], ...]) -> str:
    return read(model).digest


def _seen(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def files_at(model: TextModel, place: Path, formats: Sequence[str], what: str) -> list[Path]:
    """The files of these formats at a place, in the order of their names; hidden ones are none.

    Raises `SettingsError` where there are none.
    """
    place = place.expanduser()
    if not place.exists():
        raise error_of(model, f"there is nothing at {place}", f"Correct the path, or put the {what} there.")
    found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    taken = [path for path in found if _format(path) in formats and not _is_hidden(path, place)]
    if not taken:
        raise error_of(model, f"no {what} at {place}", f"They are files {' or '.join(formats)}, also .gz, .zst, .bz2.")
    return taken


def _is_hidden(path: Path, place: Path) -> bool:
    """Whether it, or a folder that it lies in below the place, begins with a dot: copies that an editor keeps."""
    return any(part.startswith(".") for part in path.relative_to(place).parts)


def _format(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix.lower() in PACKED else path.suffix.lower()


def texts_of(model: TextModel, path: Path, text_field: str, most_bytes: int) -> Iterator[str]:
    """The texts of a file: one of a .txt, one a row of a .jsonl or .parquet."""
    match _format(path):
        case ".jsonl":
            yield from (text_in(model, row, text_field, place) for place, row in json_rows(model, path, most_bytes))
        case ".parquet":
            yield from _texts_in_parquet(model, path, text_field)
        case _:
            yield plain(model, path, most_bytes)


def _texts_in_parquet(model: TextModel, path: Path, text_field: str) -> Iterator[str]:
    """The texts of a column, a piece of the file at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if text_field not in file.schema_arrow.names:
                what = f"{path} has no column {text_field!r}"
                raise error_of(model, what, "Set `text_field` to the column that has the text.")
            for part in file.iter_batches(batch_size=1_000, columns=[text_field]):
                yield from part.column(0).cast(pa.large_string()).drop_null().to_pylist()
    except (pa.ArrowException, OSError) as exc:
        what = f"{path} cannot be read ({type(exc).__name__})"
        raise error_of(model, what, "Write it again, or leave it out.") from exc


def plain(model: TextModel, path: Path, most_bytes: int) -> str:
    """All of a file, in UTF-8. Raises `SettingsError` where it is something else, or too large."""
    try:
        return _content(model, path, most_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise error_of(model, f"{path} is not UTF-8", "Convert it, or leave it out.") from exc


def json_rows(model: TextModel, path: Path, most_bytes: int) -> Iterator[tuple[str, dict[str, object]]]:
    """The objects of a file, each with its place."""
    for number, line in enumerate(_content(model, path, most_bytes).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as exc:
            raise error_of(model, f"{path}:{number} is no JSON", "Correct or remove the line.") from exc
        if not isinstance(row, dict):
            raise error_of(model, f"{path}:{number} is no object", "Correct or remove the line.")
        yield f"{path}:{number}", row


def text_in(model: TextModel, row: dict[str, object], text_field: str, place: str) -> str:
    """The text of a row."""
    text = row.get(text_field)
    if isinstance(text, str):
        return text
    raise error_of(model, f"{place} has no text in {text_field!r}", "Set `text_field` to the field that has it.")


def _opened(path: Path) -> Any:
    """Its bytes, unpacked."""
    match path.suffix.lower():
        case ".gz":
            import gzip

            return gzip.open(path)
        case ".bz2":
            import bz2

            return bz2.open(path)
        case ".zst":
            import zstandard

            return zstandard.open(path, "rb")
    return path.open("rb")


def _content(model: TextModel, path: Path, most_bytes: int) -> bytes:
    """All of a file, if it is not too large. (zstandard and zlib have errors of their own.)"""
    try:
        with _opened(path) as file:
            parts, left = [], most_bytes + 1
            while left > 0 and (part := file.read(min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
    except Exception as exc:
        what = f"{path} cannot be read ({type(exc).__name__})"
        raise error_of(model, what, "Write it again, or leave it out.") from exc
    if left <= 0:
        raise error_of(model, f"{path} has more than {most_bytes / 1e6:g} MB", "Give a sample of it.")
    return b"".join(parts)


def digest_of_text(text: str) -> bytes:
    """Which text it is."""
    return xxhash.xxh3_128_digest(text.encode())


def error_of(model: TextModel, what: str, advice: str) -> SettingsError:
    """What is wrong with what a model is made of."""
    return SettingsError(f"clean.models {model.name!r}: {what}. {advice}")
