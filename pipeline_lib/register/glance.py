"""What MLflow holds of a registered model, without MLflow, which takes seconds to load, as far as that can be.

The workspace's own store is an SQLite file, which is read as it is, and never written.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.model.database import copy_of, needs_mending
from pipeline_lib.model.tracking import Place
from pipeline_lib.register.registry import FINGERPRINT_TAG, Registry, aliases_of, client_of, number_of, versions
from pipeline_lib.store.databases import has_tables, is_damaged, is_empty

VERSIONS_QUERY = """
    select own.version, coalesce(tags.value, '') from model_versions as own left join model_version_tags as tags
    on tags.name = own.name and tags.version = own.version and tags.key = ?
    where own.name = ? and own.current_stage != 'Deleted_Internal'
"""


@dataclass(frozen=True)
class Glance:
    """What MLflow holds of a registered model."""

    aliases: Mapping[str, int]
    models: Mapping[int, str]  # by the number of each version the fingerprint of its model; "" where it is not ours


def glance(place: Place, name: str) -> Glance | None:
    """A look into the workspace's own SQLite file, without MLflow; None: another store, or it cannot be read now."""
    if not place.is_local:
        return None
    path = place.database
    if place.is_own and needs_mending(path) and not is_empty(copy_of(path)):
        path = copy_of(path)  # who writes next puts it there
    if is_empty(path):
        return Glance({}, {})
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            aliases = database.execute("select alias, version from registered_model_aliases where name = ?", (name,))
            models = database.execute(VERSIONS_QUERY, (FINGERPRINT_TAG, name))
            named = {alias: number_of(version) for alias, version in aliases}
            return Glance(named, dict(models.fetchall()))
    except sqlite3.Error:
        return None


def check_whole(place: Place) -> None:
    """Raises `DataError` for a file of this machine that is damaged, or gone where a copy of it is there.

    What is left of it may look like all, and MLflow is given no file that would have to be mended first: a look changes
    nothing. One that nobody has made yet is no fault.
    """
    if not place.is_local:
        return
    database = place.database
    is_there = os.path.lexists(database)
    if not is_there and not copy_of(database).is_file():
        return
    is_unfit = not has_tables(database) or (place.is_own and needs_mending(database))
    if is_unfit or is_damaged(database):
        way_out = "nightshift run puts its copy in its place" if place.is_own else "Put it back from a copy"
        raise DataError(f"{database}: is {'damaged' if is_there else 'gone'}. {way_out}.")


def look_at(registry: Registry) -> Glance:
    """The same of any store: by MLflow, where a glance does not tell."""
    seen = glance(registry.place, registry.name)
    if seen is not None:
        return seen
    with client_of(registry) as client:
        return seen_by(client, registry)


def seen_by(client: Any, registry: Registry) -> Glance:
    """The same by an open client."""
    models = {version.number: version.model_fingerprint for version in versions(registry)}
    return Glance(aliases_of(client, registry.name), models)


def stands(place: Place, name: str, number: int) -> bool:
    """Whether a version is still there, as far as that can be told without MLflow, which takes a second to load.

    So only the workspace's own SQLite file is asked; other stores, and a file that is busy, count as having it.
    """
    found = glance(place, name)
    return found is None or number in found.models
