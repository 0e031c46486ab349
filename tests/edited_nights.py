"""Nights in which a share of the documents is edited, with gc once a week; and what the workspace weighs at the end.

weighed = edited_nights(root, nights=50, documents=3000, edited=0.01)
weighed.live_ratio       bytes of artifacts after the last gc, over those of a new workspace with the same documents

Data halves in this process, one after the other; a day passes between two nights for gc, which is told the time.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.keep.marks import DAY
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.files import num_bytes_in
from tests.collected import collect
from tests.tiny_night import english, refresh, tiny_settings, write_lines
from tests.years import unhurried

WEEK = 7
PARTS = 4  # generated texts in a document: some 3 kB
CHANGES = {"ingest__max_shard_bytes": "1000000", "tokenize__heldout_share": "0.05"}


@dataclass(frozen=True)
class Weighed:
    """Bytes of artifacts."""

    after: int  # when gc has taken what it takes at the end, what waits included
    waits: int  # of it, what nothing needs and is not old enough
    gone: int  # what gc has taken in all
    new: int  # of a workspace that takes in the last documents in one night

    @property
    def live_ratio(self) -> float:
        """What stays over what there would be without a past."""
        return self.after / self.new

    @property
    def without_gc(self) -> float:
        """The same if nothing had ever gone."""
        return (self.after + self.gone) / self.new


def edited_nights(root: Path, *, nights: int, documents: int, edited: float, num_files: int = 16) -> Weighed:
    """Live that long, and weigh."""
    settings = tiny_settings(root / "workspace", root / "source", **CHANGES)
    texts, dice = {f"doc-{number}": _text(number) for number in range(documents)}, random.Random(0)
    gone = waits = 0
    with unhurried():
        for night in range(nights + 1):
            if night:
                for name in dice.sample(sorted(texts), max(1, round(edited * documents))):
                    texts[name] += f"\n{english(1_000_000 + dice.randrange(1_000_000)).splitlines()[0]}"
            _write(texts, root / "source", num_files)
            refresh(settings)
            if night % WEEK == 0 or night == nights:
                taken, waits = _collect(settings, night * DAY)
                gone += taken
        new = tiny_settings(root / "new", root / "source", **CHANGES)
        refresh(new)
    weights = [num_bytes_in(one.workspace / "artifacts") for one in (settings, new)]
    return Weighed(weights[0], waits, gone, weights[1])


def _collect(settings: Settings, now: float) -> tuple[int, int]:
    """gc at that time: the bytes of artifacts that go, and that wait."""
    found = collect(settings, now)
    return sum(thing.num_bytes for thing in found.goes), sum(thing.num_bytes for thing in found.waits)


def _text(number: int) -> str:
    return "\n\n".join(english(PARTS * number + part) for part in range(PARTS))


def _write(texts: dict[str, str], folder: Path, num_files: int) -> None:
    names = list(texts)
    for number in range(num_files):
        own = {name: texts[name] for name in names[number::num_files]}
        write_lines(folder / f"{number:03d}.jsonl", own)
