"""Compaction of a workspace: small token shards come to lie together, without what has left them."""

from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.base.words import counted
from pipeline_lib.keep.compaction import Compaction, compaction_of, num_bytes_of
from pipeline_lib.run.execute import execute
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace
from tasks.night import Night


@dataclass(frozen=True)
class Compacted:
    """What was done, or would be."""

    places_before: int  # in which token shards lie, by themselves or together
    places_after: int
    shards: int  # that were written anew
    bytes_before: int  # of the places that others stand for now
    bytes_after: int  # of those
    notes: tuple[str, ...]

    def sentence(self, *, is_dry: bool = False) -> str:
        """In one line what it comes to."""
        if not self.shards:
            return "nothing to compact"
        verb = "would write" if is_dry else "wrote"
        sizes = f"{self.bytes_before / 1e6:,.1f} MB to {self.bytes_after / 1e6:,.1f} MB"
        places = f"token shards lie in {counted(self.places_after, 'place')}"
        return f"{verb} {self.shards:,} token shards anew, {sizes}; {places}, before in {self.places_before:,}"


def planned(settings: Settings, workspace: Workspace) -> Compacted:
    """What would be done. Changes nothing."""
    found = compaction_of(settings, workspace)
    before = num_bytes_of(workspace.store, _places(found))
    return _told(found, before, before - sum(one.less_bytes for one in found.joinings))


def compact(night: Night) -> Compacted:
    """Write what is to lie together. What it takes the place of goes with a later gc."""
    night.enter("compact", "looking")
    found, store = compaction_of(night.settings, night.workspace), night.workspace.store
    before = num_bytes_of(store, _places(found))
    for number, one in enumerate(found.joinings):
        night.reporter.progress(number, len(found.joinings), "places")
        execute(one.work, night.workspace.root)
    return _told(found, before, num_bytes_of(store, (one.work.ref for one in found.joinings)))


def compact_or_say(night: Night) -> Compacted:
    """The same, but what keeps it from being done is only said: gc, which makes room, follows all the same."""
    try:
        return compact(night)
    except NightshiftError as exc:
        said = f"nothing was compacted: {exc}"
        night.reporter.say(said)
        return Compacted(0, 0, 0, 0, 0, (said,))


def as_data(done: Compacted) -> dict[str, Any]:
    """For programs, and for the page in Prefect."""
    return {
        "places": {"before": done.places_before, "after": done.places_after},
        "shards": done.shards,
        "bytes": {"before": done.bytes_before, "after": done.bytes_after},
        "notes": list(done.notes),
    }


def _places(found: Compaction) -> list[Ref]:
    """What others take the place of."""
    return [piece.place for one in found.joinings for piece in one.pieces]


def _told(found: Compaction, bytes_before: int, bytes_after: int) -> Compacted:
    return Compacted(
        found.num_pieces,
        found.num_pieces_after,
        sum(len(piece.shards) for one in found.joinings for piece in one.pieces),
        bytes_before,
        bytes_after,
        found.notes,
    )
