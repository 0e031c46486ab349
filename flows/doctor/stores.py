"""Checks of what others keep for us, and of the keys: databases, the registry, the key of the pseudonyms."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from flows.doctor.finding import ERROR, FIX, WARNING, Finding, Patient, quoted
from flows.servers import DATABASE
from flows.verify import PREFECT, own_databases
from pipeline_lib.base.errors import NightshiftError, SettingsError
from pipeline_lib.model.database import copy_of, keep_copy, needs_mending, ready
from pipeline_lib.model.tracking import check_answers
from pipeline_lib.plan.data import night_key, will_make_key
from pipeline_lib.plan.last import kept_of
from pipeline_lib.register import stage as register
from pipeline_lib.register.glance import glance
from pipeline_lib.register.keys import PRIVATE_FILE
from pipeline_lib.register.moves import begun
from pipeline_lib.register.registry import KEYS_FOLDER
from pipeline_lib.register.settle import oddities
from pipeline_lib.register.signings import has_signed
from pipeline_lib.run.step import manifest_of
from pipeline_lib.scrub.key import KEY_VARIABLE
from pipeline_lib.scrub.stage import TEXT
from pipeline_lib.store.databases import has_tables, is_damaged, is_empty, put_database_aside, schema_of

REVISION = re.compile(r"""^revision(?:\s*:\s*[\w.\[\] |]+)?\s*=\s*["'](\w+)["']""", re.MULTILINE)
MLFLOW_MIGRATIONS = "mlflow", "store/db_migrations/versions/*.py"
PREFECT_MIGRATIONS = "prefect", "server/database/_migrations/versions/sqlite/*.py"
COMMAND = re.compile(r"nightshift \w+(?: \d+)?")


def databases(patient: Patient) -> Iterator[Finding]:
    """The databases of MLflow and Prefect are whole, and of releases that are installed."""
    place, workspace = patient.registry.place, patient.workspace
    if place.is_own:
        path, copy = place.database, copy_of(place.database)
        if is_damaged(path) or needs_mending(path):
            known = "its copy comes in its place" if copy.is_file() else "the next night registers its model anew"
            what = f"{path}: is damaged, lost or was left unfinished; {known}"
            yield Finding(ERROR, what, FIX, partial(ready, path))
        else:
            yield from _newer(path, *MLFLOW_MIGRATIONS)
            if not is_empty(copy) and is_damaged(copy):
                what = f"{copy}: the copy of MLflow's database is damaged"
                yield Finding(WARNING, what, FIX, partial(keep_copy, path))
    elif place.is_local:
        if is_damaged(place.database):
            what = f"{place.database}: is damaged, and is yours (register.tracking_uri). Put it back from a copy"
            yield Finding(ERROR, what, f"mv {quoted(place.database, place.database.with_name('damaged.db'))}")
    else:
        try:
            check_answers(place)
        except NightshiftError as exc:
            yield Finding(ERROR, str(exc), f"curl -fsS {place.shown.rstrip('/')}/health")
    prefect = workspace.root / PREFECT / DATABASE
    if is_damaged(prefect):
        mend = own_databases(workspace)[f"{PREFECT}/{DATABASE}"].mend
        what = f"{prefect}: is damaged; it only shows what was done"
        yield Finding(ERROR, what, FIX if patient.up is None else _stop_up(patient), None if patient.up else mend)
    elif not is_empty(prefect) and not has_tables(prefect):
        fix = None if patient.up else partial(put_database_aside, prefect)
        yield Finding(ERROR, f"{prefect}: was left unfinished", FIX if fix else _stop_up(patient), fix)
    else:
        yield from _newer(prefect, *PREFECT_MIGRATIONS)


def _stop_up(patient: Patient) -> str:
    assert patient.up is not None
    return f"kill -INT {patient.up.process_id}; {FIX}"


def _newer(database: Path, package: str, migrations: str) -> Iterator[Finding]:
    """Tables that no migration of the installed release knows."""
    found = None if is_empty(database) else schema_of(database)
    known = _revisions(package, migrations)
    if found is not None and known and found not in known:
        what = f"{database}: its tables (revision {found}) are of a newer {package} than the one that is installed"
        yield Finding(ERROR, what, f"pip install --upgrade {package}")


def _revisions(package: str, migrations: str) -> set[str]:
    """What the installed release knows, by its files: importing it takes seconds."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec else []
    files = [path for folder in folders for path in Path(folder).glob(migrations)]
    return {found for path in files for found in REVISION.findall(path.read_text(encoding="utf-8"))}


def registry(patient: Patient) -> Iterator[Finding]:
    """No move of the champion is half done, and MLflow's aliases are what the ledger says."""
    own = patient.registry
    if begun(own):
        settle = partial(register.settle, own, now=datetime.now(UTC))
        yield Finding(WARNING, "a move of the champion was begun and not ended", FIX, settle)
        return
    seen, moves = glance(own.place, own.name), register.moves_of(own)
    if own.place.is_own and not moves and is_empty(own.place.database):
        return
    for text in oddities(seen, moves) if seen is not None else ():
        told = COMMAND.findall(text)
        command = told[-1] if told else "nightshift run"
        yield Finding(WARNING if command == "nightshift run" else ERROR, text, command)
    key = own.workspace / KEYS_FOLDER / PRIVATE_FILE
    if not key.exists() and has_signed(own):
        what = f"{key}: the key that models are signed with is lost. Put it back from a backup, or a new one is made"
        yield Finding(WARNING, what, "nightshift run")


def key(patient: Patient) -> Iterator[Finding]:
    """The key of the pseudonyms is there, and the one of the nights before."""
    last = _last_key(patient)
    same = f"export {KEY_VARIABLE}=$(openssl rand -hex 32)"
    if last:
        same = f"export {KEY_VARIABLE}=...   with the key of the nights before, whose id is {last}"
    if will_make_key(patient.settings, patient.workspace):
        if last:
            what = "the key of the demo is gone: the next night makes another one, and scrubs everything anew"
            yield Finding(WARNING, what, same)
        return
    try:
        own = night_key(patient.settings, patient.workspace).key_id
    except SettingsError as exc:
        yield Finding(ERROR, str(exc), same)
        return
    if last and own != last:
        what = f"this key ({own}) is not the one of the last night ({last}): other pseudonyms, all is scrubbed anew"
        yield Finding(WARNING, what, same)


def _last_key(patient: Patient) -> str:
    """The id of the key of the newest batch that was scrubbed; "" where none was, or it is gone."""
    workspace = patient.workspace
    for step in reversed([step for step in workspace.remembered() if step.startswith(f"{TEXT.stage}-")]):
        for kept in kept_of(workspace, step):
            found = manifest_of(workspace.store, kept.ref) if kept.maker == TEXT.name else None
            if found is not None:
                return str(found.settings.get("key_id", ""))
    return ""
