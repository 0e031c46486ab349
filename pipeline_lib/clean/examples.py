"""The labelled examples that a model learns from: files of the user's, read when a plan is made and when it learns.

What decides is which texts there are on which side, each once, in an order of their own: neither the names of files,
nor their format, nor which line comes first. A text that stands on both sides tells nothing and is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import xxhash

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.model_settings import TextModel

MOST_BYTES = 64_000_000  # of one model's examples, unpacked: some 30,000 pages, and two minutes of learning
FEWEST = 10  # a side: of fewer nothing can be learned, and nothing be said of how well
FORMATS = (".jsonl", ".txt")
PACKED = (".gz", ".zst", ".bz2")


@dataclass(frozen=True)
class Examples:
    """Texts that are wanted and texts that are not, each side in the order of its digests."""

    keep: tuple[str, ...]
    drop: tuple[str, ...]
    num_repeated: int  # left out
    num_contradicting: int  # texts on both sides, left out of both

    @property
    def digest(self) -> str:
        """Of all of them, behind how many there are, which a plan can show: "40 keep, 38 drop, 1f0c..."."""
        whole = xxhash.xxh3_128(f"{self.num_repeated} {self.num_contradicting}".encode())
        for side in (self.keep, self.drop):
            whole.update(b"side")
            for text in side:
                whole.update(_digest(text))
        return f"{len(self.keep)} keep, {len(self.drop)} drop, {whole.hexdigest()}"


def digest_of_examples(model: TextModel) -> str:
    """What names a model beside its maker. Files that are as they were are not read again by the same process."""
    return _known_digest(model, tuple(_seen(path) for place in _places(model) for path in _files(model, place)))


@lru_cache(maxsize=64)
def _known_digest(model: TextModel, _seen: tuple[tuple[str, int, int], ...]) -> str:
    return read_examples(model).digest


def _seen(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns


def read_examples(model: TextModel) -> Examples:
    """All examples of a model. Raises `SettingsError` where there are none, too few, too many, or one is unreadable."""
    sides: dict[bool, dict[bytes, str]] = {True: {}, False: {}}
    num_rows, num_bytes = 0, 0
    for is_wanted, text in _rows(model):
        num_rows += 1
        num_bytes += len(text.encode())
        if num_bytes > MOST_BYTES:
            raise _error(model, f"the examples have more than {MOST_BYTES / 1e6:g} MB", "Give a sample of them.")
        sides[is_wanted][_digest(text)] = text
    both = sides[True].keys() & sides[False].keys()
    keep, drop = (tuple(side[key] for key in sorted(side.keys() - both)) for side in (sides[True], sides[False]))
    for texts, side in ((keep, "keep"), (drop, "drop")):
        if len(texts) < FEWEST:
            raise _error(
                model,
                f"{len(texts)} different examples of what to {side}, besides {len(both)} that stand on both sides",
                f"Give at least {FEWEST}, better some hundred, of each side.",
            )
    return Examples(keep, drop, num_rows - len(keep) - len(drop) - 2 * len(both), len(both))


def _rows(model: TextModel) -> Iterator[tuple[bool, str]]:
    if model.examples is not None:
        for path in _files(model, model.examples):
            for place, row in _json_rows(model, path):
                yield _label(model, row, place), _text(model, row, place)
        return
    for side, is_wanted in ((model.keep, True), (model.drop, False)):
        assert side is not None
        for path in _files(model, side):
            if _format(path) == ".txt":
                yield is_wanted, _plain(model, path)
            else:
                yield from ((is_wanted, _text(model, row, place)) for place, row in _json_rows(model, path))


def _places(model: TextModel) -> tuple[Path, ...]:
    return tuple(place for place in (model.examples, model.keep, model.drop) if place is not None)


def _files(model: TextModel, place: Path) -> list[Path]:
    """The files with examples at a place, in the order of their names; hidden ones are none."""
    place = place.expanduser()
    if not place.exists():
        raise _error(model, f"there is nothing at {place}", "Correct the path, or put the examples there.")
    formats = FORMATS[:1] if model.examples is not None else FORMATS
    found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    taken = [path for path in found if _format(path) in formats and not _is_hidden(path, place)]
    if not taken:
        raise _error(model, f"no examples at {place}", f"They are files {' or '.join(formats)}, also .gz, .zst, .bz2.")
    return taken


def _is_hidden(path: Path, place: Path) -> bool:
    """Whether it, or a folder that it lies in below the place, begins with a dot: copies that an editor keeps."""
    return any(part.startswith(".") for part in path.relative_to(place).parts)


def _format(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix.lower() in PACKED else path.suffix.lower()


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


def _content(model: TextModel, path: Path) -> bytes:
    """All of a file, if it is not too large. (zstandard and zlib have errors of their own.)"""
    try:
        with _opened(path) as file:
            parts, left = [], MOST_BYTES + 1
            while left > 0 and (part := file.read(min(left, 1 << 20))):
                parts.append(part)
                left -= len(part)
    except Exception as exc:
        what = f"{path} cannot be read ({type(exc).__name__})"
        raise _error(model, what, "Write it again, or leave it out.") from exc
    if left <= 0:
        raise _error(model, f"{path} has more than {MOST_BYTES / 1e6:g} MB", "Give a sample of it.")
    return b"".join(parts)


def _plain(model: TextModel, path: Path) -> str:
    try:
        return _content(model, path).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise _error(model, f"{path} is not UTF-8", "Convert it, or leave it out.") from exc


def _json_rows(model: TextModel, path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """The objects of a file, each with its place."""
    for number, line in enumerate(_content(model, path).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as exc:
            raise _error(model, f"{path}:{number} is no JSON", "Correct or remove the line.") from exc
        if not isinstance(row, dict):
            raise _error(model, f"{path}:{number} is no object", "Correct or remove the line.")
        yield f"{path}:{number}", row


def _text(model: TextModel, row: dict[str, object], place: str) -> str:
    text = row.get(model.text_field)
    if isinstance(text, str):
        return text
    raise _error(model, f"{place} has no text in {model.text_field!r}", "Set `text_field` to the field that has it.")


def _label(model: TextModel, row: dict[str, object], place: str) -> bool:
    label = row.get(model.label_field)
    if label in (True, False):  # 1 and 0 are equal to them
        return bool(label)
    raise _error(
        model,
        f"{place} has no label true, false, 1 or 0 in {model.label_field!r}",
        "Set `label_field` to the field that has it, or give `keep` and `drop`.",
    )


def _digest(text: str) -> bytes:
    return xxhash.xxh3_128_digest(text.encode())


def _error(model: TextModel, what: str, advice: str) -> SettingsError:
    return SettingsError(f"clean.models {model.name!r}: {what}. {advice}")


def is_held_out(text: str) -> bool:
    """Whether a model is measured on an example before it learns from all of them: every fifth, by its digest."""
    return _digest(text)[0] % 5 == 0
