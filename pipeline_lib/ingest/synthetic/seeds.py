"""The seeds of a file, and the prompts that are made of them."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.fields import NOT_THERE, parsed, value_of
from pipeline_lib.ingest.synthetic.pairs import FORM

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.synthetic import SyntheticSource


class Seed(NamedTuple):
    """A seed: what it is known by, and what is asked about it."""

    key: str
    prompt: str


def seeds_of(source: "SyntheticSource") -> Iterator[Seed]:
    """Each seed once, in the order of the file. Raises `SettingsError` for a file that cannot be read, and the line."""
    path, seen = source.seeds.expanduser(), set[str]()
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                prompt = _prompt(source, _fields(source, line.strip(), number), number)
                key = xxhash.xxh3_128_hexdigest(prompt.encode())
                if key not in seen:
                    seen.add(key)
                    yield Seed(key, f"{prompt}\n\n{FORM % source.num_pairs}")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            f"ingest: the seeds of source {source.name!r} cannot be read: {path}. It has to be a text in UTF-8."
        ) from exc


def _fields(source: "SyntheticSource", line: str, number: int) -> dict[str, Any]:
    if source.seeds.suffix.lower() != ".jsonl":
        return {"seed": line}
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SettingsError(
            f"ingest: line {number} of the seeds of source {source.name!r} is no object of JSON. Mend it."
        )
    return found


def _prompt(source: "SyntheticSource", fields: dict[str, Any], number: int) -> str:
    parts = []
    for text, field in parsed(source.prompt):
        value = value_of(fields, field) if field else ""
        if value is NOT_THERE or value is None:
            raise SettingsError(
                f"ingest: line {number} of the seeds of source {source.name!r} has no {field!r}, which its prompt "
                "names. Correct the prompt, or the line."
            )
        parts.append(text + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return "".join(parts)
