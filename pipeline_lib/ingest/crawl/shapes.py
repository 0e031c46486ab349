"""Shapes of addresses, counted, so that what gives birth to addresses without end is cut (scope.py)."""

import sqlite3

from pipeline_lib.ingest.crawl.scope import MOST_SAME, counted_as, shape_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS shapes (
    shape TEXT PRIMARY KEY, num INTEGER DEFAULT 0, landed INTEGER DEFAULT 0, same INTEGER DEFAULT 0
) WITHOUT ROWID;
"""
ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in ("num", "landed", "same"))
ADD = f"INSERT INTO shapes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET {ADDED}"
IS_ONE_BODY = "SELECT 1 FROM shapes WHERE shape = ? AND same > ? AND 2 * same > landed"


class Shapes:
    """How many addresses of each shape are known, and have landed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)

    def refusal(self, url: str) -> str | None:
        """Why no more addresses like this one are taken; else it is counted."""
        if self._database.execute(IS_ONE_BODY, (shape_of(url), MOST_SAME)).fetchone():
            return "trap"
        shapes = counted_as(url)
        for shape, most in shapes:
            row = self._database.execute("SELECT num FROM shapes WHERE shape = ?", (shape,)).fetchone()
            if row is not None and row[0] >= most:
                return "trap"
        for shape, _ in shapes:
            self._add(shape, num=1)
        return None

    def note_landed(self, url: str, *, is_repeated: bool) -> None:
        """Count a page that landed, and whether its body was there already."""
        self._add(shape_of(url), landed=1, same=int(is_repeated))

    def _add(self, shape: str, *, num: int = 0, landed: int = 0, same: int = 0) -> None:
        self._database.execute(ADD, (shape, num, landed, same))
