"""What a database is asked: one SELECT over a table or a query of the settings, in the order of the ids."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.sql import SqlSource

# Strings and quoted names, comments, white space, and all else sign by sign: there a semicolon is the end.
SQL_PARTS = re.compile(
    r"""'[^']*' | "[^"]*" | `[^`]*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/ | \s+ | .""",
    re.DOTALL | re.VERBOSE,
)
SAYS_NOTHING = re.compile(r"--|/\*|\s|;")


def columns_of(source: "SqlSource") -> list[str]:
    """What is fetched of a row, each column once."""
    optional = (
        source.incremental_column,
        source.deleted_column,
        source.title_column,
        source.licence_column,
        source.url_column,
    )
    named = [source.id_column, source.text_column, *(name for name in optional if name), *source.metadata_columns]
    return list(dict.fromkeys(named))


def select(source: "SqlSource", names: Sequence[str], since: Any = None) -> sa.Select[Any]:
    """These columns of all rows in the order of their ids, or of those that are not below `since`."""
    wanted = [*names, source.id_column, *([source.incremental_column] if source.incremental_column else [])]
    origin = _origin(source, [sa.column(name) for name in dict.fromkeys(wanted)])
    asked = sa.select(*(origin.c[name] for name in names)).order_by(origin.c[source.id_column])
    if since is None or source.incremental_column is None:
        return asked
    grown = origin.c[source.incremental_column]
    return asked.where(sa.or_(grown >= since, grown.is_(None)))


def _origin(source: "SqlSource", columns: Sequence[sa.ColumnClause[Any]]) -> sa.FromClause:
    if source.query is None:
        schema, _, table = (source.table or "").rpartition(".")
        return sa.table(table, *columns, schema=schema or None)
    asked = without_end(source.query).replace(":", r"\:")  # a colon is no parameter of ours
    return sa.text(f"{asked}\n").columns(*columns).subquery("asked")  # a new line, behind a comment that ends it


def without_end(query: str) -> str:
    """A query without the semicolon that ends it, and without what follows that, comments and more semicolons."""
    parts = [found[0] for found in SQL_PARTS.finditer(query)]
    num_said = max((at for at, part in enumerate(parts, start=1) if not SAYS_NOTHING.match(part)), default=0)
    return "".join(parts[:num_said]) if ";" in parts[num_said:] else query
