"""Absolute addresses in the databases of MLflow and Prefect, and how they follow a workspace that is moved.

    mlflow.db            where the files of experiments, runs, models and versions lie, and data sets of a user's own;
                         the same of its copy (`model/database.py`)
    prefect/prefect.db   the settings of deployments and of runs that wait: a worker would run them where they say
An address is a path, or a `file:` URL of one, by itself or as a string in JSON. Paths are compared by their parts, so
that nothing of /a/bc is taken for /a/b. What leads elsewhere (s3://, a folder of the user's own) stays. What happened
(parameters of past runs, tags) is told as it was.
"""

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.store.databases import WAIT_SECONDS, is_damage

MLFLOW = "mlflow.db"
FILES_OF_MLFLOW = "mlartifacts"
MLFLOW_COPY = "state/promotions/mlflow.db"
PREFECT = "prefect/prefect.db"


class Column(NamedTuple):
    """Where addresses stand."""

    table: str
    name: str
    rows: str = "1"  # which of the rows, in SQL


OF_MLFLOW = (
    Column("experiments", "artifact_location"),
    Column("runs", "artifact_uri"),
    Column("logged_models", "artifact_location"),
    Column("model_versions", "storage_location"),
    Column("model_versions", "source"),  # of a version that a user registers; of ours the name of a logged model
    Column("datasets", "dataset_source"),
)
COLUMNS = {
    MLFLOW: OF_MLFLOW,
    MLFLOW_COPY: OF_MLFLOW,
    PREFECT: (
        Column("deployment", "parameters"),
        Column("flow_run", "parameters", "state_type in ('SCHEDULED', 'PENDING', 'PAUSED')"),
    ),
}


def path_of(address: str) -> Path | None:
    """The absolute path that an address names; None where it names something else."""
    scheme, separator, rest = address.partition(":")
    if separator and scheme.lower() == "file":
        host, slash, tail = rest.removeprefix("//").partition("/") if rest.startswith("//") else ("", "/", rest[1:])
        if slash and host in ("", "localhost") and rest.startswith("/"):
            return Path(os.fsdecode(b"/" + unquote_to_bytes(tail)))
        return None
    return Path(address) if address.startswith("/") else None


def readdressed(address: str, old: Sequence[Path], new: Path) -> str:
    """The address of the same thing after the folders `old` have become `new`; itself where it is in none of them.

    Of folders within each other the innermost counts, `new` among them: a second time changes nothing.
    """
    path = path_of(address)
    if path is None:
        return address
    inside = max(
        (root for root in (*old, new) if path.is_relative_to(root)), key=lambda root: len(root.parts), default=new
    )
    if inside == new:
        return address
    moved = new / path.relative_to(inside)
    return moved.as_uri() if address[0] != "/" else str(moved)


def readdress(root: Path, old: Sequence[Path]) -> None:
    """Let the addresses in the databases of a workspace that lead into `old` lead into `root`, each database at once.

    One that is damaged is left to who opens it, who puts it aside. Raises `UpstreamError` where one cannot be written:
    a full disk, a missing right, somebody else who is at it for long.
    """
    for name, columns in COLUMNS.items():
        database = root / name
        if not database.is_file():
            continue
        try:
            with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as opened, opened:
                opened.execute("begin immediate")
                for column in columns:
                    _rewrite(opened, column, old, root)
        except sqlite3.Error as exc:
            if not is_damage(exc):
                raise UpstreamError(
                    f"{database}: its addresses cannot follow the workspace, which was moved ({exc}). "
                    "Check the disk and the rights there, end what uses it (nightshift up), and run again."
                ) from exc


def roots_in(root: Path) -> list[Path]:
    """The other workspaces into which MLflow's database in `root` leads although the files lie in `root`.

    To be asked where nothing says where the workspace stood. A place that still has such a database counts as well: the
    files of a run may not have been written yet.
    """
    database = root / MLFLOW
    if not database.is_file():
        return []
    query = " union ".join(
        f"select {column.name} from {column.table}" for column in COLUMNS[MLFLOW] if column.table != "datasets"
    )
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as opened:
            held = [path_of(text) for (text,) in opened.execute(query) if text is not None]
    except sqlite3.Error:  # no tables yet, or damaged: whoever needs it says so
        return []
    found: dict[Path, bool] = {}
    for path in held:
        if path is None or FILES_OF_MLFLOW not in path.parts or path.is_relative_to(root):
            continue
        at = len(path.parts) - 1 - path.parts[::-1].index(FILES_OF_MLFLOW)
        other, inside = Path(*path.parts[:at]), Path(*path.parts[at:])
        lies_here = len(inside.parts) > 1 and (root / inside).exists()
        found[other] = found.get(other, False) or lies_here or (other / MLFLOW).is_file()
    return [other for other, counts in sorted(found.items()) if counts]


def _rewrite(opened: sqlite3.Connection, column: Column, old: Sequence[Path], new: Path) -> None:
    if opened.execute("select 1 from pragma_table_info(?) where name = ?", column[:2]).fetchone() is None:
        return  # another release of theirs
    query = f"select rowid, {column.name} from {column.table} where {column.name} is not null and {column.rows}"
    changes = [(_in_text(str(text), old, new), row, str(text)) for row, text in opened.execute(query)]
    change = f"update {column.table} set {column.name} = ? where rowid = ?"
    opened.executemany(change, [(after, row) for after, row, before in changes if after != before])


def _in_text(text: str, old: Sequence[Path], new: Path) -> str:
    """An address, or JSON with some in it."""
    if not text.startswith(("{", "[", '"')):
        return readdressed(text, old, new)
    try:
        before = json.loads(text)
    except ValueError:
        return text
    after = _in_json(before, old, new)
    return text if after == before else json.dumps(after)


def _in_json(value: Any, old: Sequence[Path], new: Path) -> Any:
    if isinstance(value, str):
        return readdressed(value, old, new)
    if isinstance(value, list):
        return [_in_json(part, old, new) for part in value]
    if isinstance(value, dict):
        return {key: _in_json(part, old, new) for key, part in value.items()}
    return value
