"""MLflow's database of a workspace: never left half-made, and mended where it was damaged."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError, SettingsError, UpstreamError
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.model.database import copy_of, needs_mending, ready
from pipeline_lib.model.tracking import Place, connect, place_of
from pipeline_lib.register.glance import check_whole, glance
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.opened import opened
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import Registry, aliases, versions
from pipeline_lib.register.settle import is_settled, look, settle
from pipeline_lib.stages import resolve
from pipeline_lib.store.databases import is_damaged, schema_of
from tasks.moves import foretell
from tests.in_child import run_program
from tests.registered import shelve

NOW = datetime(2026, 11, 29, tzinfo=UTC)
READY = "import sys; from pathlib import Path; from pipeline_lib.model.database import ready; ready(Path(sys.argv[1]))"


def registry_in(root: Path) -> Registry:
    return Registry(place_of(None, root), "m", root / "state" / "promotions", root)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three versions, each promoted in its turn."""
    registry = registry_in(tmp_path_factory.mktemp("shelf"))
    for model in "abc":
        promote(registry, shelve(registry, model), expected_champion="anybody", reason="better", now=NOW)
    return registry.place.database.parent


@pytest.fixture
def registry(shelf: Path, tmp_path: Path) -> Registry:
    subprocess.run(["cp", "-a", f"{shelf}/.", str(tmp_path)], check=True)
    with (
        closing(sqlite3.connect(tmp_path / "mlflow.db")) as opened,
        opened,
    ):  # where it stands, as `settle` of home does
        for table, column in (("experiments", "artifact_location"), ("model_versions", "storage_location")):
            opened.execute(f"update {table} set {column} = replace({column}, ?, ?)", (str(shelf), str(tmp_path)))
    subprocess.run(["cp", "-a", tmp_path / "mlflow.db", copy_of(tmp_path / "mlflow.db")], check=True)
    return registry_in(tmp_path)


def state_of(registry: Registry) -> tuple[dict[str, int], list[int], list[int]]:
    there = [version.number for version in versions(registry)]
    return aliases(registry), there, [move.version for move in moves_of(registry)]


def other(database: Path, content: bytes) -> None:
    """Another file in its place, as a restored backup or a copied folder is."""
    database.unlink()
    database.write_bytes(content)


def garbage(database: Path) -> None:
    other(database, b"no database at all " * 100)


def cut(database: Path) -> None:
    other(database, database.read_bytes()[:5000])


def zeros(database: Path) -> None:
    content = database.read_bytes()
    other(database, content[:40960] + bytes(len(content) - 40960))


def no_page(database: Path) -> None:
    other(database, b"")


def gone(database: Path) -> None:
    database.unlink()


def folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def in_use(database: Path) -> None:
    """Damage in the same file: what has it open keeps it open."""
    with database.open("r+b") as file:
        file.write(bytes(8192))


def half_migrated(database: Path) -> None:
    """The tables of a revision are there, but not its number: what a kill in a release that made it in place left."""
    other(database, database.read_bytes())
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("update alembic_version set version_num = ?", (before_head(),))


def without_a_table(database: Path) -> None:
    """SQLite finds nothing wrong with it, and its revision is the right one."""
    other(database, database.read_bytes())
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("drop table registered_model_aliases")


def before_head() -> str:
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    scripts = ScriptDirectory.from_config(utils._get_alembic_config(""))
    return str(scripts.get_revision(scripts.get_current_head()).down_revision)


SPOILED = [garbage, cut, zeros, no_page, gone, folder, half_migrated, without_a_table]


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_is_damaged_or_lost_comes_back_with_versions_numbers_and_aliases(
    registry: Registry, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    database = registry.place.database
    before = state_of(registry)
    assert before == ({"champion": 3, "previous": 2}, [1, 2, 3], [1, 2, 3])
    spoil(database)
    assert state_of(registry) == before
    assert "is as it was at" in caplog.text
    assert spoil in (no_page, gone) or "it is kept as mlflow.db." in caplog.text
    with opened(registry, 3):
        assert rollback(registry, reason="try", now=NOW).version == 2
    assert settle(registry, now=NOW).back == 3


@pytest.mark.parametrize("spoil", [garbage, cut, gone])
def test_a_look_tells_what_will_be_and_changes_nothing(registry: Registry, spoil: Callable[[Path], None]) -> None:
    database = registry.place.database
    spoil(database)
    there = sorted(database.parent.iterdir())
    seen, odd = look(registry, now=NOW)
    assert (seen.aliases, sorted(seen.models)) == ({"champion": 3, "previous": 2}, [1, 2, 3])
    assert any("the next nightshift run" in line for line in odd)
    assert not is_settled(registry) and sorted(database.parent.iterdir()) == there
    settle(registry, now=NOW)
    assert look(registry, now=NOW) == (seen, []) and is_settled(registry)


@pytest.mark.parametrize("spoil", [spoil for spoil in SPOILED if spoil is not half_migrated])
def test_what_is_foretold_of_a_move_mends_nothing(registry: Registry, spoil: Callable[[Path], None]) -> None:
    database = registry.place.database
    pairs = [("workspace", str(registry.workspace)), ("register.model_name", registry.name)]
    settings = resolve(None, {}, pairs).settings
    assert "champion 3 -> 1" in foretell(settings, 1)
    spoil(database)
    there = {path: path.stat().st_ino for path in database.parent.iterdir()}
    for version in (1, None):
        with pytest.raises(DataError, match=r"mlflow\.db: is (damaged|gone)\. nightshift run puts its copy"):
            foretell(settings, version)
    assert {path: path.stat().st_ino for path in database.parent.iterdir()} == there


def test_a_registry_that_nobody_has_made_yet_is_no_damage(tmp_path: Path) -> None:
    check_whole(place_of(None, tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("of_copy", [garbage, half_migrated])
@pytest.mark.parametrize("spoil", [garbage, half_migrated])
def test_where_there_is_no_copy_that_can_be_used_a_new_one_is_made(
    registry: Registry, spoil: Callable[[Path], None], of_copy: Callable[[Path], None]
) -> None:
    database = registry.place.database
    spoil(database)
    of_copy(copy_of(database))
    assert state_of(registry) == ({}, [], [1, 2, 3])
    assert shelve(registry, "d") == 1


def test_one_that_is_busy_is_not_taken_for_damaged(registry: Registry) -> None:
    database = registry.place.database
    with closing(sqlite3.connect(database)) as other:
        other.execute("begin exclusive")
        assert not needs_mending(database) and glance(registry.place, registry.name) is None
        check_whole(registry.place)


def test_damage_that_is_met_while_it_is_open_is_named_and_mended_by_the_next_try(registry: Registry) -> None:
    database = registry.place.database
    assert len(versions(registry)) == 3
    in_use(database)
    with pytest.raises(UpstreamError, match=r"mlflow\.db: is damaged\. Run again"):
        versions(registry)
    assert len(versions(registry)) == 3


def test_a_store_of_the_users_own_is_named_and_left_alone(registry: Registry) -> None:
    database = registry.place.database
    foreign = Registry(Place(registry.place.uri), registry.name, registry.folder, registry.workspace)
    assert len(versions(foreign)) == 3
    in_use(database)
    with pytest.raises(UpstreamError, match=r"is damaged\. Put it back from a copy of yours"):
        versions(foreign)
    assert is_damaged(database)


def test_tables_of_a_newer_mlflow_are_refused_and_left_alone(registry: Registry) -> None:
    database = registry.place.database
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("update alembic_version set version_num = 'ffffffffffff'")
    with pytest.raises(SettingsError, match=r"revision ffffffffffff.*newer MLflow"):
        versions(registry)
    assert schema_of(database) == "ffffffffffff"


def of_an_older_mlflow(database: Path) -> None:
    """Tables of the revision before, with an experiment."""
    from alembic import command
    from mlflow.store.db import utils
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{database}")
    Base.metadata.create_all(engine)
    config = utils._get_alembic_config(f"sqlite:///{database}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before_head())
    engine.dispose()
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(
            "insert into experiments (name, artifact_location, lifecycle_stage) values ('old', '/a', 'active')"
        )


def test_tables_of_an_older_mlflow_are_brought_up_to_date_with_what_they_hold(tmp_path: Path) -> None:
    of_an_older_mlflow(tmp_path / "mlflow.db")
    assert connect(place_of(None, tmp_path)).get_experiment_by_name("old") is not None
    assert not list(tmp_path.glob("mlflow.db.*")) and not needs_mending(tmp_path / "mlflow.db")


@pytest.mark.parametrize("point", ["made_database", "migrated_database"])
def test_a_kill_in_the_making_changes_nothing(tmp_path: Path, point: str) -> None:
    database = tmp_path / "mlflow.db"
    if point == "migrated_database":
        of_an_older_mlflow(database)
    before = database.read_bytes() if database.exists() else None
    assert run_program(READY, database, **{VARIABLE: f"register:{point}:1"}).returncode == -signal.SIGKILL
    assert (database.read_bytes() if database.exists() else None) == before
    assert connect(place_of(None, tmp_path)).search_experiments() != []
    assert not list(tmp_path.glob(".mlflow.db*"))


def test_a_full_disk_in_the_making_is_named_and_the_next_try_makes_it(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    ended = run_program(READY, database, max_file_bytes=300_000)
    assert ended.returncode == 1 and "UpstreamError" in ended.stderr and "Check the disk" in ended.stderr
    assert not database.exists() and not list(tmp_path.glob(".mlflow.db*.made*"))
    ready(database)
    assert not needs_mending(database)


def test_two_at_once_make_one(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", READY, tmp_path / "mlflow.db"]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.lock"}


def test_a_copy_that_cannot_be_written_keeps_nobody_from_a_promotion(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    copy = copy_of(registry.place.database)
    copy.unlink()
    copy.mkdir()
    (copy / "in the way").touch()
    assert promote(registry, 1, expected_champion=3, reason="try", now=NOW).version == 1
    assert "cannot be made or changed" in caplog.text


def test_a_glance_of_nothing_is_nothing(tmp_path: Path) -> None:
    seen = glance(place_of(None, tmp_path), "m")
    assert seen is not None and (seen.aliases, seen.models) == ({}, {}) and list(tmp_path.iterdir()) == []
