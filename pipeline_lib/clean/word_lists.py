"""The list of terms of a model: a file of the user's, a term a line.

Terms are compared as they are looked for: composed (NFC), folded, with one blank for any white space. So what decides
is which different terms there are, and neither their order nor their case. No message has a term: it has its line.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from pipeline_lib.clean.model_files import digest_once, error_of, plain
from pipeline_lib.text.literal_terms import folded

if TYPE_CHECKING:
    from pipeline_lib.clean.model_kinds.word_list import WordListModel

MOST_BYTES = 1_000_000  # some 100,000 terms
MOST_CHARS = 200  # of a term; a longer line is none


@dataclass(frozen=True)
class WordList:
    """Different terms, folded, in their order."""

    terms: tuple[str, ...]
    num_repeated: int  # left out

    @property
    def digest(self) -> str:
        """Of all of them, behind how many there are: "40 terms, 1f0c..."."""
        whole = xxhash.xxh3_128("\n".join((str(self.num_repeated), *self.terms)).encode())
        return f"{len(self.terms)} terms, {whole.hexdigest()}"


def digest_of_list(model: "WordListModel") -> str:
    """What names a model beside its maker."""
    return digest_once(model, [_file(model)], read_list)


def read_list(model: "WordListModel") -> WordList:
    """The terms of a list. Raises `SettingsError` where there are none, or the file cannot be read as a list."""
    path = _file(model)
    found, num_terms = set[str](), 0
    for number, line in enumerate(plain(model, path, MOST_BYTES).splitlines(), start=1):
        if len(line) > MOST_CHARS:
            what = f"{path}:{number} has more than {MOST_CHARS} characters"
            raise error_of(model, what, "Give a term a line.")
        if "\x00" in line:
            raise error_of(model, f"{path}:{number} has a NUL character", "Give a list in plain text.")
        term = folded(unicodedata.normalize("NFC", line))
        if term:
            num_terms += 1
            found.add(term)
    if not found:
        raise error_of(model, f"{path} has no terms", "Write one a line.")
    return WordList(tuple(sorted(found)), num_terms - len(found))


def _file(model: "WordListModel") -> Path:
    place = model.terms.expanduser()
    if place.is_dir():
        raise error_of(model, f"{place} is a folder", "Name the file that has the terms.")
    if not place.exists():
        raise error_of(model, f"there is nothing at {place}", "Correct the path, or put the list there.")
    return place
