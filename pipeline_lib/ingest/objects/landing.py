"""From a store of objects to a landing: what did not change is linked, what is new or changed is fetched.

Each landing is whole: all objects that the store has and a reader takes. What cannot be fetched tonight keeps the
version that landed before. A landing without one before it fetches all of them, and where they are as they were their
files are the same bytes.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.digests import digest_places
from pipeline_lib.ingest.landed import link
from pipeline_lib.ingest.members import is_hidden
from pipeline_lib.ingest.naming import escape
from pipeline_lib.ingest.objects.fetching import DENIED, MOVING, Asked, fetch, fetched_place
from pipeline_lib.ingest.objects.kept import Kept, place_in, read_kept, write_kept
from pipeline_lib.ingest.objects.landed import PASSED_FILE
from pipeline_lib.ingest.objects.remote import Remote, RemoteFile
from pipeline_lib.ingest.objects.told import write_told
from pipeline_lib.ingest.plan import LANDING_FILE, UNREADABLE
from pipeline_lib.ingest.records import Listing
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.forgotten import FORGOTTEN

NO_PATH = "name that is no path"


@dataclass
class Night:
    """What one night does with the objects of a store."""

    same: list[Kept] = field(default_factory=list)  # as they landed before
    told_anew: list[Kept] = field(default_factory=list)  # the same bytes, of which something else is told
    fetched: list[RemoteFile] = field(default_factory=list)


def land_objects(remote: Remote, asked: Asked, max_gone_share: float) -> Outcome:
    """Fill the folder of a landing. Raises `GuardStop` where too many objects are gone, errors of the store as ours."""
    offered, listing, num_forgotten = _offered(remote, asked)
    known = {} if asked.before is None else read_kept(asked.before)
    gone = {name for name in known.keys() - offered.keys() if not asked.refused.has(escape(name))}
    _guard(asked, len(gone) if remote.is_whole else 0, len(known), max_gone_share)
    if asked.before is not None and read_json(asked.before / LANDING_FILE)["asks"] != asked.asks:
        known = {}  # versions of another store
    night = _sorted(offered, known, remote)
    if not remote.is_whole:
        night.same.extend(known[name] for name in sorted(gone & known.keys()))
    failed = fetch(remote, asked, night.fetched)
    _count_failed(asked, failed, night, known, listing)
    kept = sorted(_landed(asked, remote, night, failed))
    write_kept(kept, asked.folder)
    passed = {kind: [one.num_files, one.example] for kind, one in listing.in_order().passed_over.items()}
    write_json(asked.folder / PASSED_FILE, passed)
    write_json(asked.folder / LANDING_FILE, {"asks": asked.asks})
    facts = {
        "source": asked.source,
        "num_fetched": len(night.fetched) - len(failed),
        "num_unchanged": len(night.same) + len(night.told_anew),
        "num_gone": len(gone) if remote.is_whole else 0,
        **remote.facts,
    }
    dropped = {FORGOTTEN: num_forgotten} if num_forgotten else {}
    return Outcome(len(kept) + num_forgotten, len(kept), dropped, facts=facts)


def _offered(remote: Remote, asked: Asked) -> tuple[dict[str, RemoteFile], Listing, int]:
    """The objects that are taken, what is passed over, and how many are forgotten."""
    offered, listing, num_forgotten = dict[str, RemoteFile](), Listing(), 0
    for file in remote.files():
        if is_hidden(file.name):
            listing.pass_over("hidden")
        elif reason := asked.why_not(file.name) if _is_path(file.name) else NO_PATH:
            listing.pass_over(reason, file.name)
        elif asked.refused.has(escape(file.name)):
            num_forgotten += 1
        else:
            offered[file.name] = file
    return offered, listing, num_forgotten


def _is_path(name: str) -> bool:
    """Whether a name could be that of a file in a folder: nothing in it is empty, climbs, or is no Unicode."""
    is_text = not any("\ud800" <= sign <= "\udfff" or sign == "\0" for sign in name)
    return is_text and normpath(name) == name and not name.startswith(("/", "../")) and name not in (".", "..")


def _guard(asked: Asked, num_gone: int, num_known: int, max_gone_share: float) -> None:
    if num_gone > max_gone_share * num_known:
        raise GuardStop(
            f"ingest: {num_gone} of the {num_known} objects of source {asked.source!r} are gone, more than "
            f"ingest.max_gone_share = {max_gone_share:g}. If its store or its patterns are not right, mend that; "
            "if they shall be withdrawn, raise ingest.max_gone_share."
        )


def _sorted(offered: Mapping[str, RemoteFile], known: Mapping[str, Kept], remote: Remote) -> Night:
    """Which of them are there as they are, which are told anew, which have to be fetched."""
    night = Night()
    for name, file in offered.items():
        one = known.get(name)
        if one is None or not one.version or one.version != file.version or one.num_bytes != file.num_bytes:
            night.fetched.append(file)
        elif one.told == remote.told:
            night.same.append(one)
        else:
            night.told_anew.append(one)
    return night


def _count_failed(
    asked: Asked, failed: Mapping[str, str], night: Night, known: Mapping[str, Kept], listing: Listing
) -> None:
    """Count what could not be had; what landed before stays. Raises `SettingsError` where nothing may be read."""
    reasons = Counter(failed.values())
    if reasons[DENIED] and reasons[DENIED] == len(night.fetched) and not (night.same or night.told_anew):
        raise SettingsError(
            f"ingest: source {asked.source!r} lists {reasons[DENIED]} objects and lets none of them be read. Give the "
            "user it is asked as the right to read objects too, then run again."
        )
    for name, reason in failed.items():
        if reason in (MOVING, DENIED):
            listing.pass_over(reason, name)
            night.same.extend([known[name]._replace(version="")] if name in known else [])


def _landed(asked: Asked, remote: Remote, night: Night, failed: Mapping[str, str]) -> Iterator[Kept]:
    """Put all that is there into the folder of the landing."""
    for one in (*night.same, *night.told_anew):
        place_in(asked.folder, one.name).parent.mkdir(parents=True, exist_ok=True)
    for one in night.same:
        link(place_in(_before(asked), one.name), place_in(asked.folder, one.name))
        yield one
    for one in night.told_anew:
        place = place_in(asked.folder, one.name)
        _copy(place_in(_before(asked), one.name), place, one.num_bytes)
        write_told(place, remote.told)
        yield one._replace(told=dict(remote.told), digest=_digest(place))
    for file in night.fetched:
        if file.name not in failed:
            place = place_in(asked.folder, file.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            link(fetched_place(asked, remote, file), place)
            version = file.version if file.is_settled else ""
            yield Kept(file.name, version, file.num_bytes, dict(remote.told), _digest(place))


def _before(asked: Asked) -> Path:
    assert asked.before is not None  # nothing is as it was where nothing was
    return asked.before


def _copy(source: Path, target: Path, num_bytes: int) -> None:
    shutil.copyfile(source, target)
    with target.open("r+b") as out:
        out.truncate(num_bytes)


def _digest(place: Path) -> str:
    found = digest_places({"": place})[""]
    if found == UNREADABLE:
        raise UpstreamError(f"{place}: cannot be read. Check the disk, then run again.")
    return found
