"""Checks of the workspace's folder: where it stands, whose it is, what lies in it that is damaged or not ours."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flows.doctor.finding import ERROR, FIX, WARNING, Finding, Patient, quoted, shown
from flows.standing import settle_in
from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.keep.marks import DAY
from pipeline_lib.keep.pieces import state_pieces
from pipeline_lib.keep.verify import last_round
from pipeline_lib.stages import STAGES
from pipeline_lib.store.addresses import path_of
from pipeline_lib.store.files import OWNER_ONLY
from pipeline_lib.store.home import home_of
from pipeline_lib.store.layout import FILE as LAYOUT
from pipeline_lib.store.local import FINGERPRINT, INCOMING
from pipeline_lib.store.parts import JOINED
from pipeline_lib.store.private import OTHERS, close_to_others
from pipeline_lib.store.rewriting import AREA

OURS = re.compile(
    r"artifacts|state|work|logs|prefect|keys|certificates|ablations|mlartifacts|mlflow|up\.out|mlflow\.db(-wal|-shm|-journal)?|\..*"
)
ASIDE = re.compile(r".*\.\d{8}-\d{6}(-\d+)?")  # what was put aside, under a name with a date
WORDS = {stage.word for stage in STAGES} | {JOINED}  # folders of artifacts
FOLDERS = ("", "artifacts", "state", "work", "logs", "prefect", "keys", "certificates", "mlartifacts")
UNFINISHED = (INCOMING, AREA)  # below artifacts/
STATE_FOLDERS = tuple(f"state/{name}" for name in ("pins", "runs", "last", "closed", "plans", "promotions", "outbox"))
FILES = ("mlflow.db", "prefect/prefect.db", "state/lock", "state/up.lock", "state/verify.json", "state/unneeded.json")
SECRETS = ("keys/*", "prefect/auth_string")
HEALED = ("closed/", "promotions/")  # below state/, by verify
ONLY_FROM_A_BACKUP = ("forgotten.json",)  # without it what was forgotten would be read and learned again
SHOWN = 3
VERIFIED_DAYS = 35.0  # in which all of it is read once, where maintenance runs each week
RIGHTS = 0o700  # that the owner needs on a folder


def home(patient: Patient) -> Iterator[Finding]:
    """The workspace stands where its databases think."""
    root = patient.workspace.root
    found = home_of(root)
    if found is None or (found.path == root.as_uri() and not found.earlier):
        return
    was = path_of(found.path)
    what = f"{root}: was moved here from {was}, or is a copy, and MLflow's addresses lead there"
    yield Finding(WARNING, what, FIX, partial(settle_in, patient.workspace, lambda _: None))


def permissions(patient: Patient) -> Iterator[Finding]:
    """Only its owner reads the workspace, and its owner may write in it."""
    root = patient.workspace.root
    if not root.is_dir():
        return
    if root.stat().st_mode & OTHERS:
        what = f"{root}: others may read this workspace (mode {root.stat().st_mode & 0o777:04o})"
        yield Finding(ERROR, what, f"chmod -R go-rwx {quoted(root)}", partial(_closed, root))
    for path in (path for pattern in SECRETS for path in sorted(root.glob(pattern)) if path.is_file()):
        if path.stat().st_mode & OTHERS and path.suffix != ".pub":
            what = f"{path}: others may read this key (mode {path.stat().st_mode & 0o777:04o})"
            yield Finding(ERROR, what, f"chmod 600 {quoted(path)}", partial(path.chmod, OWNER_ONLY))
    folders = [root, *(path for depth in ("*", "*/*") for path in root.glob(depth) if path.is_dir())]
    if foreign := [path for path in folders if path.stat().st_uid != os.getuid()]:
        what = f"{len(foreign)} folders belong to another user, {foreign[0]} is one: was it a run with sudo?"
        yield Finding(ERROR, what, f"sudo chown -R {os.getuid()}:{os.getgid()} {quoted(root)}")
    elif locked := [path for path in folders if path.stat().st_mode & RIGHTS != RIGHTS]:
        what = f"{len(locked)} folders may not be written by their owner, {locked[0]} is one"
        yield Finding(ERROR, what, f"chmod -R u+rwX {quoted(root)}", partial(_opened, locked))


def _closed(root: Path) -> None:
    close_to_others(root)


def _opened(folders: list[Path]) -> None:
    for path in folders:
        path.chmod(path.stat().st_mode | RIGHTS)


def damage(patient: Patient) -> Iterator[Finding]:
    """Nothing is known to be damaged, and all of it was read not long ago."""
    for piece in state_pieces(patient.settings, patient.workspace):
        if (fault := piece.fault()) and piece.place is not None:
            what = fault if str(piece.place) in fault else f"{piece.place}: {fault}"
            yield Finding(ERROR, what, _mending(piece.name, piece.place))
    found = last_round(patient.workspace)
    if found is not None and found.damaged:
        told = ", ".join(f"{count} of {kind}" for kind, count in Counter(one.kind for one in found.damaged).items())
        yield Finding(ERROR, f"damaged, as nightshift verify has seen last: {told}", "nightshift verify")
    begun = _begun(patient)
    if begun is not None and patient.now - begun > VERIFIED_DAYS * DAY:
        whole = None if found is None else found.ended or found.before
        if whole is None or patient.now - whole > VERIFIED_DAYS * DAY:
            since = "never" if whole is None else f"not for {(patient.now - whole) / DAY:.0f} days"
            yield Finding(WARNING, f"all of it was {since} read and compared with its digests", "nightshift verify")


def _mending(name: str, place: Path) -> str:
    """The command for a state file that is damaged."""
    if name.startswith(HEALED):
        return "nightshift verify"
    if name in ONLY_FROM_A_BACKUP:
        return f"nightshift restore FOLDER --to NEW; cp NEW/state/{name} {quoted(place)}"
    return f"mv {quoted(place)} {quoted(place.with_name(place.name + '.damaged'))}"


def _begun(patient: Patient) -> float | None:
    """Since when there is something to verify."""
    try:
        return (patient.workspace.state / LAYOUT).stat().st_mtime
    except OSError:
        return None


def shapes(patient: Patient) -> Iterator[Finding]:
    """Where folders belong there are folders, where files belong files."""
    root = patient.workspace.root
    folders = (*FOLDERS, *STATE_FOLDERS, *(f"artifacts/{word}" for word in sorted(WORDS)))
    for kind, names, is_right in (("folder", folders, Path.is_dir), ("file", FILES, Path.is_file)):
        for path in (root / name for name in names):
            if os.path.lexists(path) and not is_right(path):
                aside = path.with_name(f"{path.name}.in-the-way")
                yield Finding(ERROR, f"{path}: is no {kind}, and one belongs there", f"mv {quoted(path, aside)}")


def foreign(patient: Patient) -> Iterator[Finding]:
    """What lies in the workspace is ours, and nothing of it is left over."""
    root, store = patient.workspace.root, patient.workspace.store.root
    theirs = [path for path in _children(root) if not OURS.fullmatch(path.name) and not ASIDE.fullmatch(path.name)]
    theirs += [path for path in _children(store) if path.name not in WORDS.union(UNFINISHED)]
    for folder in (store / word for word in sorted(WORDS)):
        theirs += [path for path in _children(folder) if not FINGERPRINT.fullmatch(path.name) or path.is_symlink()]
    if theirs:
        aside = root.with_name(f"{root.name}.foreign")
        what = f"{len(theirs)} files or folders are not of Nightshift: {_some(theirs)}"
        yield Finding(WARNING, what, f"mkdir -p {quoted(aside)} && mv {quoted(*theirs)} {quoted(aside)}")
    aside_here = [path for folder in (root, root / "state", root / "prefect") for path in _children(folder)]
    if old := [path for path in aside_here if ASIDE.fullmatch(path.name)]:
        what = f"{len(old)} files that were damaged or in the way were put aside, and are kept: {_some(old)}"
        yield Finding(WARNING, what, f"rm -r {quoted(*old)}")
    left = [path for name in UNFINISHED for path in _children(store / name)]
    if left and patient.at_work is None:
        what = f"{len(left)} unfinished artifacts of runs that were killed are left over"
        yield Finding(WARNING, f"{what}; the next night ends or removes them", FIX, patient.workspace.sweep)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _some(paths: list[Path]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(shown(path) for path in paths[:SHOWN]) + more


def plan(patient: Patient) -> Iterator[Finding]:
    """This release understands the workspace, and a night can be laid out in it."""
    from pipeline_lib.plan.night import plan_night

    try:
        plan_night(patient.settings, patient.workspace)
    except NightshiftError as exc:
        yield Finding(ERROR, str(exc), "nightshift plan")
