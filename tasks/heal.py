"""What was found damaged is healed, as far as it can be: by a night, which holds the workspace.

    artifacts            made again now, from what is whole; else left to the next night, where that makes them; else
                         removed, where nothing needs them
    versions in MLflow   their files are put back from the artifacts of their models
    databases            put aside; MLflow's copy comes in the place of its database
    kept plans           copied again from their artifacts
    parts of trainings   put aside, as a training does with them
    caches               removed: they are made again when they are needed
    state files          what the next night finds out by itself is put aside, the ledger's odd lines too

Nothing is healed before it was seen to be damaged once more. What cannot be healed says what to do.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact, NightshiftError
from pipeline_lib.ingest.plan_files import keep_plan, read_plan
from pipeline_lib.ingest.stage import PLAN
from pipeline_lib.keep.marks import FOUND_OUT, Marks
from pipeline_lib.keep.outlook import needed
from pipeline_lib.keep.pieces import ARTIFACTS, CACHES, DATABASES, PARTS, PLANS, STATE, VERSIONS, Piece
from pipeline_lib.keep.verify import Damage, is_healed
from pipeline_lib.model.database import copy_of, keep_copy, ready
from pipeline_lib.plan.again import LEFT_TO_NIGHTS, made_again
from pipeline_lib.plan.night import plan_night
from pipeline_lib.register import stage as register
from pipeline_lib.register.ledger import LEDGER_FILE
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.execute import Graph
from pipeline_lib.store.addresses import MLFLOW
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import put_aside
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import JOINED
from pipeline_lib.train.checkpoints import put_bad_aside
from tasks.mend import files_put_back
from tasks.night import Night
from tasks.steps import make_one_by_one

FROM_A_BACKUP = "Put it back from a backup"

Mender = Callable[[], str]  # of a database that upper layers know: what became of it, "" where that cannot be now


@dataclass(frozen=True)
class Became:
    """What became of something damaged."""

    damage: Damage
    place: Path | None
    became: str
    is_whole: bool
    is_put_off: bool = False  # since a night is at work


def heal(night: Night, damaged: Mapping[Damage, Piece], menders: Mapping[str, Mender]) -> list[Became]:
    """Heal what is still damaged, kind by kind."""
    found: list[Became] = []
    for kind, mend in _MENDING.items():
        own = {damage: piece for damage, piece in damaged.items() if damage.kind == kind}
        still = [piece for piece in own.values() if not is_healed(piece)]
        became = mend(night, still, menders) if still else {}
        for damage, piece in own.items():
            said = became.get(piece.name, "whole again when it was to be healed")
            found.append(Became(damage, piece.place, said, is_healed(piece)))
    return found


def _artifacts(night: Night, pieces: Sequence[Piece], _: Mapping[str, Mender]) -> dict[str, str]:
    store, refs = night.workspace.store, {piece.name: Ref(*piece.name.split("/")) for piece in pieces}
    for ref in refs.values():
        store.doubt(ref)
    shards = [shard for ref in refs.values() if ref.stage == JOINED for shard in _members(store, ref)]
    for known in (_by_manifests, _of_tonight):  # a plan with what is lost may name others
        lost = [ref for ref in (*refs.values(), *shards) if not store.is_present(ref)]
        try:
            if lost:
                make_one_by_one(lost, night, known(night, lost))
        except NightshiftError as exc:
            night.reporter.say(f"what is damaged cannot be made again now: {exc}")
    left = {name: ref for name, ref in refs.items() if not store.is_present(ref)}
    return dict.fromkeys(refs, "made again") | (_left(night, left) if left else {})


def _members(store: Store, ref: Ref) -> Sequence[Ref]:
    """The token shards that lie together there, as far as it still says so. They are encoded again, each by itself."""
    manifest = store.condition(ref).manifest
    return () if manifest is None else manifest.members


def _by_manifests(night: Night, refs: Sequence[Ref]) -> Graph:
    """What their manifests say of how they were made."""
    found = (night.workspace.store.condition(ref).manifest for ref in refs)
    works = (made_again(night.settings, manifest) for manifest in found if manifest is not None)
    return {work.ref: work for work in works if work is not None}


def _of_tonight(night: Night, _: Sequence[Ref]) -> Graph:
    """What tonight's plan knows how to make and makes nothing but files: no training, no version."""
    steps = plan_night(night.settings, night.workspace).steps
    works = [work for shown in steps for work in shown.step.works]
    return {work.ref: work for work in works if work.maker.name not in LEFT_TO_NIGHTS}


def _left(night: Night, refs: Mapping[str, Ref]) -> dict[str, str]:
    """What becomes of artifacts that cannot be made again now."""
    settings, workspace = night.settings, night.workspace
    planned: set[Ref] = set()
    marks: Marks | None = None
    why, blocker = "", ""
    try:
        planned = {ref for shown in plan_night(settings, workspace).steps for ref in shown.step.todo}
        marks = needed(settings, workspace, now=time.time())
    except DamagedArtifact as exc:
        why = blocker = f"{exc.stage}/{exc.fingerprint}"
    except NightshiftError as exc:
        why = str(exc)
    became = {}
    for name, ref in refs.items():
        if ref in planned:
            became[name] = "the next night makes it again: nightshift run"
        elif name == blocker:
            became[name] = (
                f"it says no more what it needs. {FROM_A_BACKUP}, or delete its folder; then nightshift verify"
            )
        elif marks is None:
            became[name] = (
                f"whether anything needs it cannot be told now ({why}). Once that is right: nightshift verify"
            )
        elif ref in marks:
            became[name] = f"kept for {marks[ref]}. {FROM_A_BACKUP}, or delete its folder and do without it"
        else:
            workspace.store.remove(ref)
            became[name] = "removed: nothing needs it"
    return became


def _versions(night: Night, pieces: Sequence[Piece], _: Mapping[str, Mender]) -> dict[str, str]:
    became = {}
    for piece in pieces:
        try:
            files_put_back(piece.order, night.settings, night.workspace)
            said = "its files were put back"
        except NightshiftError as exc:
            said = str(exc)
        if not is_healed(piece):
            said = (
                f"not all of its files can be put back. If you need it, nightshift promote {piece.order} registers its "
                "model once more; else delete the version in MLflow, or put its files back from a backup"
            )
        became[piece.name] = said
    return became


def _databases(night: Night, pieces: Sequence[Piece], menders: Mapping[str, Mender]) -> dict[str, str]:
    place = register.registry_of(night.settings.of(RegisterSettings), night.workspace.root).place
    became = {}
    for piece in pieces:
        if piece.name in menders:
            became[piece.name] = menders[piece.name]()
        elif not place.is_own:
            became[piece.name] = f"it is yours (register.tracking_uri). {FROM_A_BACKUP}"
        elif piece.name == MLFLOW:
            ready(place.database)
            is_known = copy_of(place.database).is_file()
            became[piece.name] = "put aside; " + (
                "its copy is in its place" if is_known else "the next night makes one"
            )
        else:
            keep_copy(place.database)
            became[piece.name] = "copied again"
    return became


def _plans(night: Night, pieces: Sequence[Piece], _: Mapping[str, Mender]) -> dict[str, str]:
    store, became = night.workspace.store, {}
    sealed = {str(found.facts.get("content")): found.ref for found in store.list(PLAN.name)}
    for piece in pieces:
        became[piece.name] = f"needed where its batch is lost. {FROM_A_BACKUP}, or delete its folder"
        ref = sealed.get(piece.name)
        if ref is not None and piece.place is not None and store.is_present(ref):
            keep_plan(read_plan(store.path(ref.stage, ref.fingerprint)), piece.place)
            became[piece.name] = "copied again"
    return became


def _parts(night: Night, pieces: Sequence[Piece], _: Mapping[str, Mender]) -> dict[str, str]:
    return {
        piece.name: f"put aside as {put_bad_aside(piece.place).name}; its training goes on without it"
        for piece in pieces
        if piece.place is not None
    }


def _caches(night: Night, pieces: Sequence[Piece], _: Mapping[str, Mender]) -> dict[str, str]:
    for piece in pieces:
        if piece.place is not None:
            shutil.rmtree(piece.place, ignore_errors=True)
    return {piece.name: "removed: it is made again when it is needed" for piece in pieces}


def _state(night: Night, pieces: Sequence[Piece], _: Mapping[str, Mender]) -> dict[str, str]:
    registry = register.registry_of(night.settings.of(RegisterSettings), night.workspace.root)
    became = {}
    for piece in pieces:
        name = piece.name.rpartition("/")[2]
        if name == LEDGER_FILE or name.startswith("begun-"):
            register.settle(registry, now=datetime.now(UTC))
            became[piece.name] = "put in order, as the next move would"
        elif piece.place is not None and (piece.name.startswith("closed/") or name.startswith(FOUND_OUT)):
            became[piece.name] = f"put aside as {put_aside(piece.place).name}; the next night finds it out by itself"
        else:
            became[piece.name] = "it decides what nights make, so it is left as it is"
    return became


_MENDING: Mapping[str, Callable[[Night, Sequence[Piece], Mapping[str, Mender]], dict[str, str]]] = {
    STATE: _state,
    DATABASES: _databases,
    PLANS: _plans,
    PARTS: _parts,
    CACHES: _caches,
    ARTIFACTS: _artifacts,
    VERSIONS: _versions,
}
