"""What a crawl knows of addresses: which wait, which are done and how they ended. It lives through a kill.

    frontier.sqlite    a row an address, written when it is found and again when it is done
    fetched.warc.gz    the bodies, a member a page; what is behind the last one that a row names was cut by a kill

A body is written before the row that names it, each page is a transaction, and what is in flight counts as waiting: so
after a kill the pages that were in flight are asked for again, and no others.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pipeline_lib.ingest.crawl.found import Found, Known
from pipeline_lib.ingest.crawl.shapes import Shapes
from pipeline_lib.ingest.crawl.urls import REMEMBERED, host_of

FRONTIER_FILE, FETCHED_FILE = "frontier.sqlite", "fetched.warc.gz"
MOST_KNOWN = 2_000_000  # addresses that are kept in mind
WAITING, FLYING, DONE = 0, 1, 2

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS pages (
    number INTEGER PRIMARY KEY, url TEXT UNIQUE, host TEXT, kind TEXT, depth INTEGER, hops INTEGER DEFAULT 0,
    late INTEGER DEFAULT 0, state INTEGER DEFAULT 0, tries INTEGER DEFAULT 0, is_known INTEGER DEFAULT 0,
    etag TEXT DEFAULT '', modified TEXT DEFAULT '', body TEXT DEFAULT '', outcome TEXT DEFAULT '',
    start INTEGER, length INTEGER, asked INTEGER DEFAULT 0, bytes INTEGER DEFAULT 0
);
CREATE INDEX IF NOT EXISTS waiting ON pages (host, late DESC, depth, number) WHERE state = 0;
CREATE INDEX IF NOT EXISTS bodies ON pages (body) WHERE body <> '';
CREATE TABLE IF NOT EXISTS origins (origin TEXT PRIMARY KEY, at REAL, told TEXT);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, num INTEGER) WITHOUT ROWID;
"""
KNOWN = ("number", "url", "host", "kind", "depth", "hops", "tries", "is_known", "etag", "modified", "body")
COLUMNS = ", ".join(KNOWN)


class Frontier:
    """The addresses of one crawl."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / FRONTIER_FILE, isolation_level=None, timeout=60)
        self._database.executescript(SCHEMA)
        self._shapes = Shapes(self._database)
        self._bodies = (folder / FETCHED_FILE).open("ab+")
        self._recent: set[str] = set()  # addresses that are there: a page links to what the page before linked to
        (self.num_known,) = self._database.execute("SELECT count(*) FROM pages").fetchone()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._database.close()
        self._bodies.close()

    def note(self, name: str) -> str:
        """What was written under a name, "" for nothing."""
        row = self._database.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def write_note(self, name: str, value: str) -> None:
        """Write something that is to be there after a kill."""
        self._database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def go_on(self) -> None:
        """Let what was in flight wait again, and cut what a kill left half written."""
        self._database.execute("UPDATE pages SET state = ? WHERE state = ?", (WAITING, FLYING))
        (end,) = self._database.execute("SELECT coalesce(max(start + length), 0) FROM pages").fetchone()
        self._bodies.truncate(end)

    def add(self, found: Iterable[Found]) -> int:
        """Add addresses that are not there yet; how many are new. Those of a shape that is full are counted instead."""
        with self._transaction():
            return sum(self._take_in(one) for one in found)

    def hosts(self) -> list[str]:
        """The hosts that have something to be asked for."""
        found, host = list[str](), ""
        while host is not None:  # a look into the index for each host, where DISTINCT would go through all addresses
            asked = self._database.execute("SELECT min(host) FROM pages WHERE state = 0 AND host > ?", (host,))
            (host,) = asked.fetchone()
            found += [host] if host is not None else []
        return found

    def take(self, host: str) -> Known | None:
        """The next address of a host: what was not reached last time, then what is nearest to the seeds."""
        wanted = f"SELECT {COLUMNS} FROM pages WHERE state = 0 AND host = ? ORDER BY late DESC, depth, number LIMIT 1"
        row = self._database.execute(wanted, (host,)).fetchone()
        if row is None:
            return None
        self._database.execute("UPDATE pages SET state = ?, tries = tries + 1 WHERE number = ?", (FLYING, row[0]))
        return Known(**{**dict(zip(KNOWN, row, strict=True)), "is_known": bool(row[KNOWN.index("is_known")])})

    def put_back(self, page: Known) -> None:
        """Let an address wait again that was not asked for."""
        self._database.execute(
            "UPDATE pages SET state = ?, tries = ? WHERE number = ?", (WAITING, page.tries, page.number)
        )

    def done(
        self,
        page: Known,
        outcome: str,
        *,
        found: Sequence[Found] = (),
        member: bytes = b"",
        num_bytes: int | None = None,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """An address is done: how it ended, what it led to, the body that landed of it, and what is known of that.

        `num_bytes`: of the answer; None where nothing was asked, or nobody answered.
        """
        start = None
        if member:
            start = self._bodies.seek(0, os.SEEK_END)
            self._bodies.write(member)
            self._bodies.flush()
        values = {"state": DONE, "outcome": outcome, "start": start, "length": len(member) or None}
        values |= {"asked": num_bytes is not None, "bytes": num_bytes or 0, **(about or {})}
        columns = ", ".join(f"{name} = ?" for name in values)
        with self._transaction():
            if about and member:
                self._shapes.note_landed(page.url, is_repeated=self._is_repeated(about["body"], page))
            self._database.execute(f"UPDATE pages SET {columns} WHERE number = ?", (*values.values(), page.number))
            for one in found:
                self._take_in(one)

    def origin(self, origin: str, most_seconds: float) -> dict[str, Any] | None:
        """What an origin said of itself, where that is not older."""
        row = self._database.execute("SELECT at, told FROM origins WHERE origin = ?", (origin,)).fetchone()
        is_fresh = row is not None and 0 <= time.time() - row[0] < most_seconds
        return dict(json.loads(row[1])) if is_fresh else None

    def write_origin(self, origin: str, told: Mapping[str, Any]) -> None:
        """Keep what an origin said of itself."""
        values = (origin, time.time(), json.dumps(told))
        self._database.execute("INSERT OR REPLACE INTO origins VALUES (?, ?, ?)", values)

    def count(self, name: str) -> None:
        """Count what became no address."""
        self._count(name)

    def counts(self) -> dict[str, int]:
        """What became no address, by reason."""
        return dict(self._database.execute("SELECT name, num FROM counts"))

    def outcomes(self) -> dict[tuple[str, str, bool], int]:
        """How many addresses ended how: by kind, outcome ("" for those that wait) and whether they landed before."""
        asked = "SELECT kind, outcome, is_known, count(*) FROM pages GROUP BY kind, outcome, is_known"
        return {(kind, outcome, bool(known)): num for kind, outcome, known, num in self._database.execute(asked)}

    def spent(self) -> tuple[int, int]:
        """How many pages were answered, and the bytes of their bodies."""
        asked = "SELECT count(*) FILTER (WHERE kind = 'page' AND asked), coalesce(sum(bytes), 0) FROM pages"
        num, size = self._database.execute(asked).fetchone()
        return int(num), int(size)

    def rows(self) -> Iterator[dict[str, Any]]:
        """All addresses, those nearest to the seeds first, then by their spelling."""
        cursor = self._database.execute("SELECT * FROM pages ORDER BY depth, url")
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)

    def member(self, start: int, length: int) -> bytes:
        """The body that a row names, as a member of a WARC file."""
        return os.pread(self._bodies.fileno(), length, start)

    def member_of(self, url: str) -> bytes | None:
        """The member of a page that landed in this crawl."""
        asked = "SELECT start, length FROM pages WHERE url = ? AND kind = 'page' AND outcome = 'landed'"
        row = self._database.execute(asked, (url,)).fetchone()
        return None if row is None or row[1] is None else self.member(*row)

    def _take_in(self, one: Found) -> bool:
        """Add an address, whether it is new; one that is not taken is counted once."""
        if self._has(one.url):
            return False
        self._note_recent(one.url)
        full = "frontier_full" if self.num_known >= MOST_KNOWN else self._shapes.refusal(one.url)
        if full and not one.is_known:
            self._count(full)
            return False
        self._insert(one)
        return True

    def _has(self, url: str) -> bool:
        if url in self._recent:
            return True
        return self._database.execute("SELECT 1 FROM pages WHERE url = ?", (url,)).fetchone() is not None

    def _note_recent(self, url: str) -> None:
        if len(self._recent) >= REMEMBERED:
            self._recent.clear()
        self._recent.add(url)

    def _insert(self, one: Found) -> None:
        self.num_known += 1
        self._database.execute(
            "INSERT INTO pages (url, host, kind, depth, hops, late, is_known, etag, modified, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (one.url, host_of(one.url), one.kind, one.depth, one.hops, one.late, one.is_known, one.etag, one.modified,
             one.body),
        )  # fmt: skip

    def _is_repeated(self, body: str, page: Known) -> bool:
        asked = "SELECT 1 FROM pages WHERE body = ? AND body <> '' AND host = ? AND number <> ? LIMIT 1"  # by its index
        return self._database.execute(asked, (body, page.host, page.number)).fetchone() is not None

    def _count(self, name: str) -> None:
        self._database.execute("INSERT INTO counts VALUES (?, 1) ON CONFLICT DO UPDATE SET num = num + 1", (name,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            self._recent.clear()
            raise
        self._database.execute("COMMIT")
