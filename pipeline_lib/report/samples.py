"""Samples: what the beginning of a few documents reads like, without the personal data that is found in it.

A document that clean has dropped was never scrubbed, so each is scrubbed here: what is found becomes its kind in
brackets (<PHONE>), and on top of that each digit becomes "#", since a number in unusual groups is found by no detector.
It is scrubbed before it is shortened: half of an address is no address any more. Names of people are not found by
anything, so a page with samples stays in the workspace, for its owner alone, and leaves it nowhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline_lib.past.made import opened
from pipeline_lib.report.draw import Candidate, Candidates
from pipeline_lib.scrub.key import MIN_KEY_BYTES, ScrubKey
from pipeline_lib.scrub.settings import KINDS, ScrubSettings
from pipeline_lib.scrub.strings import Scrubber
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.tables import opened as opened_table

MOST_CHARACTERS = 280  # that are shown
MOST_SCRUBBED = 20_000  # characters that are looked at for that
DIGIT = re.compile(r"\d")
BLANKS = re.compile(r"\s+")


@dataclass(frozen=True)
class Sample:
    """One document, as far as it is shown."""

    stage: str  # "" and "": it is kept
    reason: str
    source: str
    language: str
    document_id: str
    failed: Sequence[str]
    text: str
    is_cut: bool


def samples_of(store: Store, candidates: Candidates, settings: ScrubSettings) -> list[Sample]:
    """The samples of each reason, what is kept first. What is not there any more is left out."""
    scrubber = Scrubber(_by_kind(settings), ScrubKey(bytes(MIN_KEY_BYTES)))  # no pseudonym is made with it
    found = []
    for (stage, reason), chosen in sorted(candidates.items()):
        for one in chosen:
            text = _text(store, one)
            if text and text.strip():  # what is forgotten has none
                shown, is_cut = harmless(text, scrubber)
                found.append(
                    Sample(stage, reason, one.source, one.language, one.document_id, one.failed, shown, is_cut)
                )
    return found


def harmless(text: str, scrubber: Scrubber) -> tuple[str, bool]:
    """The beginning of a text without personal data, on one line; whether more of it follows."""
    strings, _ = scrubber.scrub(pa.array([text[:MOST_SCRUBBED]], pa.large_string()))
    whole = BLANKS.sub(" ", DIGIT.sub("#", strings[0].as_py())).strip()
    return whole[:MOST_CHARACTERS].rstrip(), len(whole) > MOST_CHARACTERS or len(text) > MOST_SCRUBBED


def _by_kind(settings: ScrubSettings) -> ScrubSettings:
    """The settings with the kind alone in the place of all that is found."""
    return settings.model_copy(update=dict.fromkeys(KINDS, "placeholder"))


def _text(store: Store, one: Candidate) -> str | None:
    path = opened(store, one.text, DOCUMENTS_FILE)
    return None if path is None else text_at(path, one.row)


def text_at(path: Path, row: int) -> str:
    """The text in one row of a file of documents, of which one row group is read."""
    with opened_table(path) as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if row < size:
                text: str = file.read_row_group(group, columns=["text"], use_threads=False)["text"][row].as_py()
                return text
            row -= size
    raise IndexError(row)
