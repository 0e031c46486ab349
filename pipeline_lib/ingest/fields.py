"""Which fields of a record make a document, where more is told of it than a text and an id.

    text_field, text_template   the text: one field, or several in a frame ("{title}\n\n{body}")
    id_field                    its name within the file
    title_field, licence_field  as they are
    metadata_fields             name in the metadata -> field

A field is looked for by its name, then along the dots in it: `meta.url` is the `url` of the object `meta`. What is not
there, null or empty is told of no document; a text without any of its fields is an empty text.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from typing import Any

from pipeline_lib.ingest.charset import is_unicode
from pipeline_lib.ingest.naming import part_of
from pipeline_lib.ingest.records import EMPTY_TEXT, Bad, ReadOptions, Record, column_of

NOT_THERE = object()
Template = tuple[tuple[str, str | None], ...]  # text as it is, then a field; None behind the last


def value_of(record: Mapping[str, Any], field: str) -> Any:
    """What the field holds; NOT_THERE where there is no such field."""
    if field in record:
        return record[field]
    head, dot, rest = field.partition(".")
    inside = record.get(head) if dot else None
    return value_of(inside, rest) if isinstance(inside, Mapping) else NOT_THERE


@lru_cache
def parsed(template: str) -> Template:
    """The parts of a template. Raises `ValueError` where it is none: "{field}" is a field, "{{" and "}}" are signs."""
    parts = tuple((text, field) for text, field, *more in Formatter().parse(template) if not _has_more(more))
    if len(parts) != len(tuple(Formatter().parse(template))):
        raise ValueError("between its brackets stands more than the name of a field")
    if not any(field for _, field in parts) or any(field == "" for _, field in parts):
        raise ValueError("it names no field, or one without a name")
    return parts


def text_fields(options: ReadOptions) -> tuple[str, ...]:
    """The fields that make the text."""
    if options.text_template is None:
        return (options.text_field,)
    return tuple(dict.fromkeys(field for _, field in parsed(options.text_template) if field))


def told_fields(options: ReadOptions) -> tuple[str, ...]:
    """The fields that are told of it besides, where they are there."""
    told = (options.id_field, options.title_field, options.licence_field, *dict(options.metadata_fields).values())
    return tuple(dict.fromkeys(field for field in told if field))


def columns_of(names: Sequence[str], options: ReadOptions, num_rows: int | None = None) -> list[str]:
    """The columns of a table, of these names, that are asked for: all of the text's, and of the others those there are.

    Raises `Unreadable`, of `num_rows` rows, where one of the text's is not there, or one is there twice.
    """
    texts = [root_of(field, names) for field in text_fields(options)]
    told = [root for field in told_fields(options) if (root := root_of(field, names)) in names]
    columns = list(dict.fromkeys([*texts, *told]))
    for column in columns:
        column_of(names, column, num_rows)
    return columns


def root_of(field: str, names: Collection[str]) -> str:
    """Where a field stands: `meta.url` in `meta`, unless there is a `meta.url` itself."""
    return field if field in names else field.partition(".")[0]


def record_of(fields: Mapping[str, Any], number: int, options: ReadOptions) -> Record | Bad:
    """The record that stands on line `number`, from its fields."""
    text = _text(fields, options)
    if text is None:
        return Bad(number, EMPTY_TEXT)
    if not isinstance(text, str):
        return Bad(number, no_text(options))
    named = value_of(fields, options.id_field) if options.id_field else None
    told = ((name, _told(fields, field)) for name, field in options.metadata_fields)
    return Record(
        part_of(named, text),
        number,
        options.record_format,
        text,
        title=_told(fields, options.title_field),
        licence=_told(fields, options.licence_field),
        metadata={name: value for name, value in told if value is not None} or None,
    )


def told_too(item: Record | Bad, more: Mapping[str, str] | None) -> Record | Bad:
    """The same, with this in its metadata as well."""
    if isinstance(item, Bad) or more is None:
        return item
    return item._replace(metadata={**(item.metadata or {}), **more})


def no_text(options: ReadOptions) -> str:
    """The reason where the field of the text is not there, or holds something else."""
    return f"no text in field {options.text_field!r}"


def _text(fields: Mapping[str, Any], options: ReadOptions) -> Any:
    """The text; None where it is empty, what is there instead where that is none."""
    if options.text_template is None:
        return value_of(fields, options.text_field)
    parts = [(text, field and _told(fields, field)) for text, field in parsed(options.text_template)]
    return "".join(text + (value or "") for text, value in parts) if any(value for _, value in parts) else None


def _told(fields: Mapping[str, Any], field: str | None) -> str | None:
    """What a field tells, as text; None where it tells nothing."""
    value = value_of(fields, field) if field else None
    if value is NOT_THERE or value is None or value == "" or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, str):
        return value if is_unicode(value) else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _has_more(more: Iterable[str | None]) -> bool:
    """Whether a format or a conversion stands behind the name of a field."""
    return any(more)
