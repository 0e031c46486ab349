"""What a source without files answers, as files: rows in Parquet pieces, of which a night rewrites those it concerns.

    with Landing(name, asks, folder, before, places) as landing:
        landing.there(id, is_deleted)      for each row of which only the id was asked for
        landing.add(row, is_deleted)       for each row that was fetched, whether it is new or not
        landing.write(last, max_gone_share)

Each landing is whole: all rows that the source holds. A row stays in the piece in which it landed first, so that the
pieces are to ingest what files of a folder are: those that nothing happened to are the same bytes (hard links, where
the disk knows them), changed and withdrawn rows change their piece, new ones fill the last piece and then further ones
(PIECE_ROWS rows or PIECE_BYTES of text each), in the order in which they are given. Where the landing before is lost,
all rows are new to this one, and come into the pieces in which they lay (places.py). What is known of the landing
before, and what is new, is held in a scratch database and not in memory; it lies in the folder that is filled, so that
nothing of it outlives a night that is killed.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.digests import digest_places
from pipeline_lib.ingest.landed import Row, digest_of_row, filled, landed_rows, link, name_of_piece, write_piece
from pipeline_lib.ingest.places import hash_of_id, read_places
from pipeline_lib.ingest.plan import LANDING_FILE
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.forgotten import NOBODY, Refused
from pipeline_lib.store.tables import iterate

SCRATCH = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE known (id TEXT PRIMARY KEY, digest TEXT, piece TEXT, seen INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE placed (hash BLOB PRIMARY KEY, number INTEGER, piece TEXT) WITHOUT ROWID;
CREATE TABLE fresh (number INTEGER PRIMARY KEY, id TEXT UNIQUE, is_known INTEGER, piece TEXT, place INTEGER, row TEXT);
CREATE INDEX pieces ON fresh (piece, place);
CREATE TABLE missed (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
REFUSED = "refused"  # what a landing notes of rows that are forgotten
GONE, THERE, FETCHED = 0, 1, 2  # what `seen` says

LAST_TYPES: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
}


class Landing:
    """One night's answer of a source, in the making."""

    def __init__(
        self, source: str, asks: str, folder: Path, before: Path | None, places: Path, refused: Refused = NOBODY
    ) -> None:
        self._source = source
        self._asks = asks
        self._folder = folder
        self._before = before
        self._places = places
        nothing: dict[str, Any] = {"asks": asks, "last": None, "num_pieces": 0, "pieces": {}}
        self._state: dict[str, Any] = nothing | (read_json(before / LANDING_FILE) if before else {})
        self._path = folder / "scratch.sqlite"
        self._refused = refused
        self._refused_rows = set(self._state.get(REFUSED, ()))  # keyed hashes of ids
        self._linked: set[str] = set()  # pieces that are as they were
        self._num_fetched = 0
        self._num_without_id = 0
        self._is_told = False  # whether the ids of all rows are told apart from the rows

    @property
    def source(self) -> str:
        """The name of the source."""
        return self._source

    @property
    def last(self) -> Any:
        """The last value of the incremental column as of the landing before; None if other things were asked then."""
        return _value_of(self._state["last"]) if self._state["asks"] == self._asks else None

    def __enter__(self) -> Self:
        self._scratch = sqlite3.connect(self._path, isolation_level=None)
        self._scratch.executescript(SCRATCH)
        self._scratch.execute("BEGIN")
        if self._before is None:
            self._note_places()
        else:
            self._note_known(self._before)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        self._scratch.close()
        self._path.unlink(missing_ok=True)
        if isinstance(exc, sqlite3.Error):
            raise UpstreamError(f"{self._path}: {exc}. Check the disk, then run again.") from exc

    def there(self, row_id: str | None, is_deleted: bool) -> None:
        """A row of which only the id is known tonight. If it landed before, it stays as it was; else it is missed.

        All rows are told so, before any is added, or none. Raises `SettingsError` when an id was there already.
        """
        self._is_told = True
        if row_id is None:
            self._num_without_id += 1
        elif not is_deleted and not self._is_refused(row_id) and not self._see(row_id, THERE):
            try:
                self._scratch.execute("INSERT INTO missed VALUES (?)", (row_id,))
            except sqlite3.IntegrityError as exc:
                raise self._repeated() from exc

    def misses(self, row_id: str | None = None) -> bool:
        """Whether this row, or any, is there and was neither fetched nor landed before."""
        wanted = "SELECT EXISTS (SELECT 1 FROM missed WHERE ? IS NULL OR id = ?)"
        return bool(self._scratch.execute(wanted, (row_id, row_id)).fetchone()[0])

    def add(self, row: Row, is_deleted: bool) -> None:
        """A row that was fetched. Raises `SettingsError` when its id was there already.

        One that is marked as deleted is none, whatever there is under its id beside.
        """
        self._num_fetched += 1
        if row.id is None:
            self._num_without_id += not self._is_told
        if row.id is None or is_deleted:
            return
        self._scratch.execute("DELETE FROM missed WHERE id = ?", (row.id,))
        if self._refused.has(row.url):
            self._refused_rows.add(self._refused.hash_of(row.id))
            return
        known = self._scratch.execute("SELECT digest, piece FROM known WHERE id = ?", (row.id,)).fetchone()
        digest, piece = known or ("", None)
        if known:
            self._see(row.id, FETCHED)
        if digest != digest_of_row(row):
            place, piece = (None, piece) if known else self._place_of(row.id)
            self._add_fresh(row, known is not None, piece, place)

    def spare(self, row_ids: Iterable[str]) -> None:
        """Rows that are not gone, though a lost landing had them and none came tonight. Said once all are added."""
        if self._before is None:
            self._scratch.executemany(SPARE, ((hash_of_id(row_id),) for row_id in row_ids))

    def write(self, last: Any, max_gone_share: float) -> Outcome:
        """Fill the folder. Raises `GuardStop` when too many of the rows that were there are gone."""
        num_known, num_gone = self._one("SELECT count(*), coalesce(sum(seen = 0), 0) FROM known")
        num_changed, num_new = self._one("SELECT coalesce(sum(is_known), 0), coalesce(sum(NOT is_known), 0) FROM fresh")
        self._guard(num_gone, num_known, max_gone_share)
        num_placed, num_back = self._one("SELECT (SELECT count(*) FROM placed), count(place) FROM fresh")
        self._guard(num_placed - num_back, num_placed, max_gone_share)
        state = {"asks": self._asks, "last": _json_of(last), "num_pieces": self._write_pieces()}
        state |= {REFUSED: sorted(self._refused_rows)} if self._refused_rows else {}
        write_json(self._folder / LANDING_FILE, {**state, "pieces": self._digests()})
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

    def _is_refused(self, row_id: str) -> bool:
        """Whether this row was refused before: one that is there and never lands would be fetched each night."""
        return bool(self._refused_rows) and self._refused.hash_of(row_id) in self._refused_rows

    def _note_known(self, before: Path) -> None:
        """What the landing before holds."""
        for piece in sorted(before.glob("*.parquet")):
            for part in iterate(piece, ["id", "digest"]):
                rows = zip(part["id"].to_pylist(), part["digest"].to_pylist(), strict=True)
                values = ((row_id, digest, piece.name) for row_id, digest in rows)
                self._scratch.executemany("INSERT INTO known (id, digest, piece) VALUES (?, ?, ?)", values)

    def _note_places(self) -> None:
        """Where the rows of a landing that is lost lay."""
        places = ((row, number, piece) for number, (row, piece) in enumerate(read_places(self._places)))
        self._scratch.executemany("INSERT OR IGNORE INTO placed (hash, number, piece) VALUES (?, ?, ?)", places)

    def _add_fresh(self, row: Row, is_known: bool, piece: str | None, place: int | None) -> None:
        values = (row.id, is_known, piece, place, json.dumps(row, ensure_ascii=False))
        try:
            self._scratch.execute(ADD_FRESH, values)
        except sqlite3.IntegrityError as exc:
            raise self._repeated() from exc

    def _place_of(self, row_id: str) -> tuple[int | None, str | None]:
        """Where a row that is new to this landing lay in a lost one: its number among all, and its piece."""
        wanted = "SELECT number, piece FROM placed WHERE hash = ?"
        place: tuple[int, str] | None = self._scratch.execute(wanted, (hash_of_id(row_id),)).fetchone()
        return place or (None, None)

    def _pieces(self) -> list[str]:
        """The names of the pieces that there were, in order."""
        named = self._scratch.execute("SELECT DISTINCT piece FROM known UNION SELECT DISTINCT piece FROM placed")
        return sorted(name for (name,) in named)

    def _see(self, row_id: str, how: int) -> bool:
        """Note how a row was seen; False if it did not land before. Raises `SettingsError` when it was seen so."""
        noted = "UPDATE known SET seen = ? WHERE id = ? AND seen <> ?"
        if self._scratch.execute(noted, (how, row_id, how)).rowcount:
            return True
        if self._scratch.execute("SELECT 1 FROM known WHERE id = ?", (row_id,)).fetchone() is not None:
            raise self._repeated()
        return False

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
                f"ingest.max_gone_share = {max_gone_share:g}. If its table, query or site is not whole, mend that; "
                "if they shall be withdrawn, raise ingest.max_gone_share."
            )

    def _write_pieces(self) -> int:
        """Link the pieces that nothing happened to, write the others, then the new rows; how many were ever made."""
        number: int = self._state["num_pieces"]
        names = self._pieces()
        *earlier, tail = names or [name_of_piece(number + 1)]
        touched = {name for (name,) in self._scratch.execute(TOUCHED)}
        for name in earlier:
            self._carry(name, is_touched=name in touched)
        if not self._scratch.execute("SELECT EXISTS (SELECT 1 FROM fresh WHERE piece IS NULL)").fetchone()[0]:
            self._carry(tail, is_touched=tail in touched)
            return max(number, *(int(Path(name).stem) for name in names), 0)
        name = tail
        for rows in filled(self._rows(tail), self._fresh(None)):
            write_piece(rows, self._folder / name)
            number = max(number, int(Path(name).stem))
            name = name_of_piece(number + 1)
        return number

    def _digests(self) -> dict[str, str]:
        """The digest of each piece: a scan need not read those that it knows. (A link changes the times of a file.)"""
        pieces = {place.name: place for place in sorted(self._folder.glob("*.parquet"))}
        known = {name: digest for name, digest in self._state["pieces"].items() if name in self._linked}
        return {**known, **digest_places({name: pieces[name] for name in pieces.keys() - known.keys()})}

    def _carry(self, name: str, *, is_touched: bool) -> None:
        if is_touched:
            if rows := list(self._rows(name)):
                write_piece(rows, self._folder / name)
        elif self._before is not None:
            with suppress(FileNotFoundError):  # the first piece of a source without rows
                link(self._before / name, self._folder / name)
                self._linked.add(name)

    def _rows(self, name: str) -> Iterator[Row]:
        """The rows of a piece as they are tonight."""
        gone = {row_id for (row_id,) in self._scratch.execute(GONE_OF_PIECE, (name,))}
        fresh = {row.id: row for row in self._fresh(name)}
        if self._before is not None and (self._before / name).is_file():
            with (self._before / name).open("rb") as raw:
                yield from (fresh.pop(row.id, row) for row in landed_rows(raw) if row.id not in gone)
        yield from fresh.values()

    def _fresh(self, piece: str | None) -> Iterator[Row]:
        for (row,) in self._scratch.execute(FRESH_OF_PIECE, (piece,)):
            *fields, metadata = json.loads(row)
            yield Row._make([*fields, tuple((name, value) for name, value in metadata)])


ADD_FRESH = "INSERT INTO fresh (id, is_known, piece, place, row) VALUES (?, ?, ?, ?, ?)"
SPARE = """DELETE FROM placed WHERE hash = ?
    AND NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.piece = placed.piece AND fresh.place = placed.number)"""
FRESH_OF_PIECE = "SELECT row FROM fresh WHERE piece IS ? ORDER BY place, number"
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
