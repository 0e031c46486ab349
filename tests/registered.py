"""Versions in a real MLflow store whose packages are one small file: for what moves, not for what is loaded."""

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pipeline_lib.model.tracking import connect, open_experiment, open_run
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.package import DIGESTS_FILE
from pipeline_lib.register.registry import (
    CHALLENGER,
    FINGERPRINT_TAG,
    Registry,
    Upload,
    add_version,
    aliases,
    upload_package,
)
from pipeline_lib.register.signing import sign_package
from pipeline_lib.store.sealed import seal


def shelve(registry: Registry, model: str, *, num_bytes: int = 0) -> int:
    """Register a package as the challenger; the number of its version."""
    client = connect(registry.place)
    experiment = open_experiment(client, registry.place, "shelf")
    run = open_run(client, registry.place, experiment="shelf", key=model, name=model, tags={})
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.txt").write_text(model.ljust(num_bytes))
        package, tags = Path(folder), {FINGERPRINT_TAG: model}
        digest = seal(package, DIGESTS_FILE)
        key = sign_package(registry, package, digest, tags).line
        upload = Upload(package, digest, key, experiment, run.info.run_id, tags, "")
        number = add_version(client, registry, upload, upload_package(client, registry, upload)).number
    client.set_registered_model_alias(registry.name, CHALLENGER, str(number))
    return number


def files_of(registry: Registry, number: int) -> Path:
    """The registry's own folder of a version."""
    uri: str = connect(registry.place).get_model_version_download_uri(registry.name, str(number))
    return Path(uri.removeprefix("file://"))


def damage(registry: Registry, number: int) -> None:
    """Change what was uploaded."""
    (files_of(registry, number) / "model.txt").write_text("another")


def by_hand(registry: Registry, alias: str, number: int) -> None:
    """Move an alias as MLflow's own page does."""
    connect(registry.place).set_registered_model_alias(registry.name, alias, str(number))


def dangle(registry: Registry, alias: str, number: int | str) -> None:
    """Let an alias point to a version, whether there is one or not: a race leaves such."""
    with closing(sqlite3.connect(registry.place.uri.removeprefix("sqlite:///"))) as database, database:
        database.execute(
            "insert or replace into registered_model_aliases (name, alias, version) values (?, ?, ?)",
            (registry.name, alias, number),
        )


def delete(registry: Registry, number: int) -> None:
    """Delete a version in MLflow."""
    connect(registry.place).delete_model_version(registry.name, str(number))


def plain_store(registry: Registry, models: Mapping[int, str], **aliases: int) -> None:
    """The tables of MLflow that a glance reads, and no others."""
    path = Path(registry.place.uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table alembic_version as select 'of some release' as version_num")
        database.execute("create table registered_model_aliases (name, alias, version)")
        database.execute("create table model_versions (name, version, current_stage)")
        database.execute("create table model_version_tags (name, version, key, value)")
        for version, model in models.items():
            database.execute("insert into model_versions values (?, ?, 'None')", (registry.name, version))
            tag = (registry.name, version, FINGERPRINT_TAG, model)
            database.execute("insert into model_version_tags values (?, ?, ?, ?)", tag)
        for alias, version in aliases.items():
            database.execute("insert into registered_model_aliases values (?, ?, ?)", (registry.name, alias, version))


def chain(registry: Registry) -> list[tuple[str, int, int | None]]:
    """The moves as (kind, version, previous)."""
    return [(move.kind, move.version, move.previous) for move in moves_of(registry)]


def standing(registry: Registry) -> dict[str, int]:
    """The aliases `champion` and `previous`."""
    return {alias: number for alias, number in aliases(registry).items() if alias != CHALLENGER}


def assert_agree(registry: Registry) -> None:
    """Ledger, aliases and the chain of moves say the same, and nothing is begun."""
    moves, aliases_ = moves_of(registry), standing(registry)
    assert [move.previous for move in moves] == [None, *(move.version for move in moves[:-1])]
    assert aliases_["champion"] == moves[-1].version
    assert aliases_.get("previous") != aliases_["champion"]
    assert list(registry.folder.glob("begun-*.json")) == []
