"""What a source without files answers, as files: rows in Parquet pieces, of which a night rewrites those it concerns.

    with Landing(name, asks, before, work_folder) as landing:
        landing.there(id, is_deleted)      for each row of which only the id was asked for
        landing.add(row, is_deleted)       for each row that was fetched, whether it is new or not
        landing.write(folder, last, max_gone_share)

Each landing is whole: all rows that the source holds. A row stays in the piece in which it landed first, so that the
pieces are to ingest what files of a folder are: those that nothing happened to are the same bytes (hard links, where
the disk knows them), changed and withdrawn rows change their piece, new ones fill the last piece and then further ones
(PIECE_ROWS rows or PIECE_BYTES of text each), in the order in which they are given. What is known of the landing
before, and what is new, is held in a scratch database and not in memory.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.landed import Row, digest_of_row, filled, landed_rows, link, name_of_piece, write_piece
from pipeline_lib.ingest.plan import LANDING_FILE
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.tables import iterate

SCRATCH = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE known (id TEXT PRIMARY KEY, digest TEXT, piece TEXT, seen INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE fresh (number INTEGER PRIMARY KEY, id TEXT UNIQUE, piece TEXT, row TEXT);
CREATE INDEX pieces ON fresh (piece);
CREATE TABLE missed (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
GONE, THERE, FETCHED = 0, 1, 2  # what `seen` says

LAST_TYPES: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
}


class Landing:
    """One night's answer of a source, in the making."""

    def __init__(self, source: str, asks: str, before: Path | None, work_folder: Path) -> None:
        self._source = source
        self._asks = asks
        self._before = before
        nothing = {"asks": asks, "last": None, "num_pieces": 0}
        self._state: dict[str, Any] = read_json(before / LANDING_FILE) if before else nothing
        self._path = work_folder / "landing.sqlite"
        self._num_fetched = 0
        self._num_without_id = 0

    @property
    def last(self) -> Any:
        """The last value of the incremental column as of the landing before; None if other things were asked then."""
        return _value_of(self._state["last"]) if self._state["asks"] == self._asks else None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._scratch = sqlite3.connect(self._path, isolation_level=None)
        self._scratch.executescript(SCRATCH)
        self._scratch.execute("BEGIN")
        for piece in self._pieces():
            for part in iterate(piece, ["id", "digest"]):
                rows = zip(part["id"].to_pylist(), part["digest"].to_pylist(), strict=True)
                values = ((row_id, digest, piece.name) for row_id, digest in rows)
                self._scratch.executemany("INSERT INTO known (id, digest, piece) VALUES (?, ?, ?)", values)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        self._scratch.close()
        self._path.unlink(missing_ok=True)
        if isinstance(exc, sqlite3.Error):
            raise UpstreamError(f"{self._path}: {exc}. Check the disk, then run again.") from exc

    def there(self, row_id: str | None, is_deleted: bool) -> None:
        """A row of which only the id is known tonight. If it landed before, it stays as it was; else it is missed."""
        if row_id is not None and not is_deleted and not self._see(row_id, THERE):
            self._scratch.execute("INSERT OR IGNORE INTO missed VALUES (?)", (row_id,))

    def misses(self, row_id: str | None = None) -> bool:
        """Whether this row, or any, is there and was neither fetched nor landed before."""
        wanted = "SELECT EXISTS (SELECT 1 FROM missed WHERE ? IS NULL OR id = ?)"
        return bool(self._scratch.execute(wanted, (row_id, row_id)).fetchone()[0])

    def add(self, row: Row, is_deleted: bool) -> None:
        """A row that was fetched. Raises `SettingsError` when its id was there already."""
        self._num_fetched += 1
        if row.id is None:
            self._num_without_id += 1
            return
        if is_deleted:
            self._see(row.id, GONE)
            return
        self._scratch.execute("DELETE FROM missed WHERE id = ?", (row.id,))
        known = self._scratch.execute("SELECT digest, piece, seen FROM known WHERE id = ?", (row.id,)).fetchone()
        digest, piece, seen = known or ("", None, GONE)
        if seen == FETCHED:
            raise self._repeated()
        self._see(row.id, FETCHED)
        if digest != digest_of_row(row):
            values = (row.id, piece, json.dumps(row, ensure_ascii=False))
            try:
                self._scratch.execute("INSERT INTO fresh (id, piece, row) VALUES (?, ?, ?)", values)
            except sqlite3.IntegrityError as exc:
                raise self._repeated() from exc

    def write(self, folder: Path, last: Any, max_gone_share: float) -> Outcome:
        """Fill the folder. Raises `GuardStop` when too many of the rows that were there are gone."""
        num_known, num_gone = self._one("SELECT count(*), coalesce(sum(seen = 0), 0) FROM known")
        num_changed, num_new = self._one("SELECT count(piece), count(*) - count(piece) FROM fresh")
        self._guard(num_gone, num_known, max_gone_share)
        num_pieces = self._write_pieces(folder, has_new=num_new > 0)
        write_json(folder / LANDING_FILE, {"asks": self._asks, "last": _json_of(last), "num_pieces": num_pieces})
        num_rows = num_known - num_gone + num_new
        return Outcome(
            rows_in=num_rows + self._num_without_id,
            rows_out=num_rows,
            dropped={"no_id": self._num_without_id} if self._num_without_id else {},
            facts={
                "source": self._source,
                "num_fetched": self._num_fetched,
                "num_new": num_new,
                "num_changed": num_changed,
                "num_gone": num_gone,
            },
        )

    def _pieces(self) -> list[Path]:
        """The pieces of the landing before, in order."""
        return sorted(self._before.glob("*.parquet")) if self._before else []

    def _see(self, row_id: str, how: int) -> bool:
        """Note how a row was seen; False if it did not land before."""
        return self._scratch.execute("UPDATE known SET seen = ? WHERE id = ?", (how, row_id)).rowcount == 1

    def _one(self, select: str) -> tuple[int, int]:
        found: tuple[int, int] = self._scratch.execute(select).fetchone()
        return found

    def _repeated(self) -> SettingsError:
        return SettingsError(
            f"ingest: two rows of source {self._source!r} have one id. Name a column that is unique as its id_column."
        )

    def _guard(self, num_gone: int, num_known: int, max_gone_share: float) -> None:
        if num_gone > max_gone_share * num_known:
            raise GuardStop(
                f"ingest: {num_gone} of the {num_known} rows of source {self._source!r} are gone, more than "
                f"ingest.max_gone_share = {max_gone_share:g}. If its table or query is not whole, mend that; "
                "if they shall be withdrawn, raise ingest.max_gone_share."
            )

    def _write_pieces(self, folder: Path, *, has_new: bool) -> int:
        """Link the pieces that nothing happened to, write the others, then the new rows; how many were ever made."""
        number: int = self._state["num_pieces"]
        *earlier, tail = self._pieces() or [folder / name_of_piece(number := number + 1)]
        touched = {name for (name,) in self._scratch.execute(TOUCHED)}
        for piece in earlier:
            self._carry(piece, folder, piece.name in touched)
        if not has_new:
            self._carry(tail, folder, tail.name in touched)
            return number
        name = tail.name
        for rows in filled(self._rows(tail), self._fresh(None)):
            write_piece(rows, folder / name)
            number = max(number, int(Path(name).stem))
            name = name_of_piece(number + 1)
        return number

    def _carry(self, piece: Path, folder: Path, is_touched: bool) -> None:
        if not is_touched:
            with suppress(FileNotFoundError):  # the first piece of a source without rows
                link(piece, folder / piece.name)
        elif rows := list(self._rows(piece)):
            write_piece(rows, folder / piece.name)

    def _rows(self, piece: Path) -> Iterator[Row]:
        """The rows of a piece as they are tonight."""
        if not piece.is_file():
            return
        gone = {row_id for (row_id,) in self._scratch.execute(GONE_OF_PIECE, (piece.name,))}
        fresh = {row.id: row for row in self._fresh(piece.name)}
        with piece.open("rb") as raw:
            for row in landed_rows(raw):
                if row.id not in gone:
                    yield fresh.get(row.id, row)

    def _fresh(self, piece: str | None) -> Iterator[Row]:
        for (row,) in self._scratch.execute("SELECT row FROM fresh WHERE piece IS ? ORDER BY number", (piece,)):
            *fields, metadata = json.loads(row)
            yield Row._make([*fields, tuple((name, value) for name, value in metadata)])


TOUCHED = "SELECT piece FROM known WHERE seen = 0 UNION SELECT piece FROM fresh WHERE piece IS NOT NULL"
GONE_OF_PIECE = "SELECT id FROM known WHERE seen = 0 AND piece = ?"


def _json_of(value: Any) -> Any:
    """The last value of an incremental column as JSON, with its type where JSON has none for it."""
    if isinstance(value, datetime | date):
        return {"type": type(value).__name__, "value": value.isoformat()}
    if isinstance(value, Decimal):
        return {"type": "Decimal", "value": str(value)}
    return value


def _value_of(value: Any) -> Any:
    return LAST_TYPES[value["type"]](value["value"]) if isinstance(value, dict) else value
