"""The pages of a landing as documents."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import cast

from pipeline_lib.ingest.landed import LandedRows, landed_rows
from pipeline_lib.ingest.records import Bad, Format, Limits, Record, SourceFile

FETCHED, FORMAT = ".fetched", ".format"  # in the metadata of a row, and in no document's


class LandedPages(LandedRows):
    """The pages of a landing, each under its canonical address."""

    def __init__(self, landing: Path) -> None:
        super().__init__(landing, "html")

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """A record for each page with a text; its title is what its extraction finds."""
        for number, row in enumerate(landed_rows(file.raw), start=1):
            told = dict(row.metadata)
            fetched, written = datetime.fromisoformat(told.pop(FETCHED)), cast(Format, told.pop(FORMAT))
            if row.fault is not None:
                yield Bad(number, row.fault)
            else:
                yield Record(row.url, number, written, row.text or "", row.url, fetched=fetched, metadata=told or None)
