"""Small typed JSON files of a workspace: those that decide something are whole or refused, comfort is never in the way.

    write_state(path, asdict(pin))                             sealed: what was changed since is noticed by all of these
    pin = read_state(path, Pin, advice="...")                  None: not there; DataError when it is not exactly that
    run = read_comfort(path, RunRecord)                        None: not there, or too little of it is understood
    moves = read_lines(path, Promotion)                        of a record a line: those that are understood
    write_comfort(path, data)                                  what stands in its way is put aside; never an error

Comfort is written by this release, an older or a newer one, and by whoever opens it in an editor. Of a record (a
dataclass) unknown fields are passed over, and so are those of a wrong type that have a default. What was passed over
or left out is told on the logger of this module, once a process for a cause and a folder: a thousand records of a newer
release are one line. Values are checked by pydantic as JSON, strictly: no "1" for 1, no true for 1.

What decides is written with a seal, as manifests are. A seal that does not fit makes a value as good as none: a number
that was changed is not told from a right one by its type. What has none (an earlier release wrote it) is read as it is.
"""

import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pipeline_lib.base.errors import DataError, UpstreamError
from pipeline_lib.store.artifact import SEAL, is_whole, with_seal, without_seal
from pipeline_lib.store.files import put_aside, readable, translate_os_error, write_atomically

T = TypeVar("T")

REPORTS_FOLDER = "reports"  # of a workspace: pages of refreshes and their numbers, which are comfort, too
NAMES_SHOWN = 3
NAME_CHARACTERS = 40

SEAL_BYTES = f'"{SEAL}"'.encode()
CHANGED = "something in it was changed after it was written"
END = re.compile(rb',\n \{"seal": "of these lines ([0-9a-f]{32})"\}\n\]\n\Z')  # of a list that is sealed
END_BYTES = 80
LISTED = "listed"  # by this name the seal of a list knew what is in it, before it was that of its text

logger = logging.getLogger(__name__)
_adapters: dict[Any, TypeAdapter[Any]] = {}  # by shape
_told: set[tuple[Path | str, str]] = set()  # folders or names, and causes


class _Changed(Exception):
    """A value is not the one that was sealed."""


def read_state(path: Path, shape: type[T], *, advice: str) -> T | None:
    """The value in the file; None when nothing has that name.

    Raises `DataError`, which ends with `advice`, when it is not JSON of that shape, or no file: a folder, a link that
    leads nowhere. That would pass for a file that was never written, and then what it has decided is decided anew.
    """
    if not os.path.lexists(path):
        return None
    if not path.is_file():
        raise DataError(f"{path}: is no file, or leads to none. {advice}")
    try:
        return _checked(shape, path.read_bytes())
    except OSError as exc:
        raise translate_os_error(exc, path) from exc
    except _Changed as exc:
        raise DataError(f"{path}: {exc}. {advice}") from exc
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        if error["type"] == "json_invalid":
            raise DataError(f"{path}: is not the JSON that was written there. {advice}") from exc
        place = " ".join(_shown(str(part)) for part in error["loc"]) or "the whole"
        raise DataError(f"{path}: is not what was written there ({place}: {error['msg']}). {advice}") from exc


def write_state(path: Path, value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Put a record, or a list of records, under `path`, sealed, durably and all at once."""
    write_atomically(path, sealed(value))


def sealed(value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """A record, or a list of records, as it is written: of a list the seal is the last entry.

    A list may be long, and is written each night (the catalog): its seal is that of the text before it, which costs a
    twentieth of one over what the text says.
    """
    if isinstance(value, Mapping) or not value:
        return readable(with_seal(value) if isinstance(value, Mapping) else []).encode()
    lines = readable(list(value)).encode().removesuffix(b"\n]\n")
    return lines + b',\n {"seal": "of these lines ' + _seal_of(lines) + b'"}\n]\n'


def _seal_of(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:32].encode()


def read_comfort(path: Path, shape: type[T]) -> T | None:
    """As much of the value in the file as is understood; None when there is no file, or not enough is."""
    text = _bytes_of(path)
    if text is None:
        return None
    found, what = _understood(shape, text)
    if found is None:
        _tell_left_out(path, what)
    elif what:
        _tell(path, f"{what}; the rest of it is used")
    return found


def read_whole(path: Path, shape: type[T]) -> T | None:
    """The value in the file as it was written; None, with a word, where anything in it is otherwise."""
    text = _bytes_of(path)
    try:
        return None if text is None else _checked(shape, text)
    except (_Changed, ValidationError):
        _tell_left_out(path, "is not what was written there")
        return None


def seal_fault(path: Path) -> str:
    """What is wrong with a file of JSON that carries a seal, whatever its shape; "" where it is whole, or has none."""
    try:
        json.loads(_unsealed(path.read_bytes()))
    except _Changed as exc:
        return str(exc)
    except (ValueError, RecursionError):
        return "is not the JSON that was written there"
    except OSError as exc:
        return f"cannot be read ({exc.strerror})"
    return ""


def read_lines(path: Path, shape: type[T], *, advice: str = "left out, and kept as it stands") -> list[T]:
    """The records of a file that holds one a line, as far as they are understood: a line that was torn is left out."""
    understood = [(number, _understood(shape, line)[0]) for number, line in _lines_of(path)]
    odd = [number for number, found in understood if found is None]
    if odd:
        of_them = f"line {odd[0]} is" if len(odd) == 1 else f"{len(odd)} lines (the first is line {odd[0]}) are"
        _tell(path, f"{of_them} not what is written there; {advice}")
    return [found for _, found in understood if found is not None]


def sort_lines(path: Path, shape: type[T]) -> tuple[list[bytes], list[bytes]]:
    """The lines of such a file as they stand: those that are understood, and the others."""
    right: list[bytes] = []
    odd: list[bytes] = []
    for _, line in _lines_of(path):
        (odd if _understood(shape, line)[0] is None else right).append(line)
    return right, odd


def lines_of(records: Iterable[Any]) -> bytes:
    """Records (dataclasses) as they stand in such a file, each with its seal."""
    return b"".join(json.dumps(with_seal(asdict(record)), ensure_ascii=False).encode() + b"\n" for record in records)


def with_line(path: Path, record: Any) -> bytes:
    """What such a file is to hold with one record more. It is short, so it is written anew as a whole: no half line
    after a kill; and what stands there and is no line stays."""
    before = path.read_bytes() if path.exists() else b""
    torn = b"\n" if before and not before.endswith(b"\n") else b""
    return before + torn + lines_of([record])


def write_comfort(path: Path, data: bytes, *, via: Path | None = None) -> None:
    """Put `data` under `path`, all at once, `via` as in `write_atomically`; where that cannot be, go on with a word."""
    try:
        make_room(path)
        write_atomically(path, data, via=via)
    except (OSError, UpstreamError) as exc:
        _tell_not_written(path, exc.__cause__ or exc)


def open_log(path: Path) -> IO[bytes]:
    """A file to append to; one that keeps nothing, with a word, where there can be none."""
    try:
        make_room(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as exc:
        _tell_not_written(path, exc)
        return Path(os.devnull).open("ab")


def make_room(path: Path) -> None:
    """Put aside, with a word, what stands where this file, or the folder that it lies in, belongs."""
    make_room_for_folder(path.parent)
    _make_room(path, "file", lambda place: place.is_file() or place.is_char_device())


def make_room_for_folder(path: Path) -> None:
    """Put aside, with a word, what stands where this folder belongs."""
    _make_room(path, "folder", Path.is_dir)


def _make_room(path: Path, kind: str, is_fit: Callable[[Path], bool]) -> None:
    if os.path.lexists(path) and not is_fit(path):
        _tell(path, f"is no {kind}, and was put aside as {put_aside(path).name}")


def _lines_of(path: Path) -> list[tuple[int, bytes]]:
    """The lines of a file that are not empty, with their numbers from 1."""
    return [(number, line) for number, line in enumerate((_bytes_of(path) or b"").split(b"\n"), 1) if line.strip()]


def _bytes_of(path: Path) -> bytes | None:
    """What the file holds; None, with a word where something else stands there, when there is none."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path.read_bytes()
        _tell_left_out(path, "is no file")
    except FileNotFoundError:
        pass
    except OSError as exc:  # also a link to itself, a folder that is none, or no right to read it
        _tell_left_out(path, f"cannot be read ({exc.strerror})")
    return None


def _understood(shape: type[T], text: bytes) -> tuple[T | None, str]:
    """As much of a value as is understood, and what is wrong with the rest of it."""
    try:
        found = _checked(shape, text)
    except _Changed as exc:
        return None, str(exc)
    except ValidationError as exc:
        return _without_wrong_fields(shape, text, exc)
    names = {SEAL, *(field.name for field in fields(shape))} if is_dataclass(shape) else set()
    if names and (unknown := json.loads(text).keys() - names):
        return found, f"{_listed(unknown)} not known to this release"
    return found, ""


def _without_wrong_fields(shape: type[T], text: bytes, exc: ValidationError) -> tuple[T | None, str]:
    wrong = {str(error["loc"][0]) for error in exc.errors(include_url=False, include_input=False) if error["loc"]}
    what = f"{_listed(wrong) or 'the value'} missing or not as it should be"
    try:
        right = {name: value for name, value in json.loads(text).items() if name not in (*wrong, SEAL)}  # which fits
        return _checked(shape, json.dumps(right).encode()), what
    except (ValueError, AttributeError, RecursionError):  # no JSON (or not enough of it), no record, or nested too deep
        return None, what


def _checked(shape: type[T], text: bytes) -> T:
    if shape not in _adapters:
        _adapters[shape] = TypeAdapter(shape)  # building one takes a millisecond
    checked: T = _adapters[shape].validate_json(_unsealed(text) if SEAL_BYTES in text else text, strict=True)
    return checked


def _unsealed(text: bytes) -> bytes:
    """The value without its seal, where it has one. Raises `_Changed` when that is another value's."""
    if (end := END.search(text, max(0, len(text) - END_BYTES))) is not None:
        if _seal_of(text[: end.start()]) != end[1]:
            raise _Changed(CHANGED)
        return text[: end.start()] + b"\n]"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # is told by who takes it for JSON of some shape
        return text
    is_list = isinstance(value, list) and bool(value) and isinstance(value[-1], dict) and value[-1].keys() == {SEAL}
    record = {LISTED: value[:-1], **value[-1]} if is_list else value
    if not isinstance(record, dict) or SEAL not in record:
        return text
    try:
        is_right = is_whole(record)
    except (ValueError, RecursionError):  # what has no canonical form
        is_right = False
    if not is_right:
        raise _Changed(CHANGED)
    content = without_seal(record)
    return json.dumps(content[LISTED] if is_list else content).encode()


def _listed(names: set[str]) -> str:
    """The first of these names of fields."""
    return ", ".join(_shown(name) for name in sorted(names)[:NAMES_SHOWN]) + (
        " ..." if len(names) > NAMES_SHOWN else ""
    )


def _shown(name: str) -> str:
    """The name of a field; what is no name may be anybody's text, and is not repeated."""
    return name if (name.isidentifier() or name.isdecimal()) and len(name) <= NAME_CHARACTERS else "another field"


def _tell_left_out(path: Path, why: str) -> None:
    _tell(path, f"{why}; it is left out, and may be deleted")


def _tell_not_written(path: Path, exc: BaseException | None) -> None:
    _tell(path, f"cannot be written ({getattr(exc, 'strerror', exc)}); the command goes on without it")


def _tell(path: Path, what: str) -> None:
    where = path.name if path.name.startswith(".") else path.parent  # each artifact has one of that name
    if (where, what) not in _told:
        _told.add((where, what))
        logger.warning("%s: %s.", path, what)
