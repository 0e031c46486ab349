"""`nightshift verify`: all that is kept is read once, from wherever it was cut off; damage of each kind is found by its
place and healed, and what cannot be healed says what to do."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.servers import DATABASE
from flows.verify import own_databases
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.clean import language_model
from pipeline_lib.keep.pieces import ARTIFACTS, CACHES, DATABASES, PARTS, PLANS, STATE, VERSIONS
from pipeline_lib.keep.verify import Round, last_round
from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.registry import Registry
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.databases import is_damaged
from pipeline_lib.store.forgotten import Tombstone, save_tombstones
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.checkpoints import put
from tasks.night import Given, LogReporter, with_given
from tasks.runtime import PlainRuntime
from tasks.verify import Verified, Wish, verify
from tests.flips import flip, flip_unseen
from tests.held import holder
from tests.in_this_process import run_here
from tests.model_nights import FAST, any_night, foreseen
from tests.registered import files_of
from tests.tiny_night import Ended, House, InlineEngine, arguments, artifacts, nightshift, tiny_settings

DRY = Wish(is_dry=True)
NOW = Wish()
DAMAGED = 3  # exit status while something is damaged


@pytest.fixture
def house(judged_house: House) -> House:
    return judged_house


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache of a user whose language model was unpacked before."""
    shutil.copytree(language_model.cache_folder().parent, tmp_path / "cache" / "nightshift", dirs_exist_ok=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield language_model.cache_folder()


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def verified(house: House, wish: Wish = NOW) -> Verified:
    """In this process, without Prefect and without workers."""
    workspace = Workspace(house.workspace)
    with with_given(Given(LogReporter(), InlineEngine())):  # type: ignore[arg-type]
        return verify(settings_of(house), workspace, PlainRuntime(), own_databases(workspace), wish)


def verify_here(house: House, *words: str, fail: str = "") -> Ended:
    """As a user calls it."""
    more = {VARIABLE: fail} if fail else {}
    return nightshift("verify", *words, *arguments(house.workspace, house.corpus, **FAST), **more)


def registry_in(house: House) -> Registry:
    return registry_of(settings_of(house).of(RegisterSettings), house.workspace)


def largest(folder: Path) -> Path:
    """Its largest data file; the manifest of one that has no other."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".verified.json"]
    data = [path for path in files if path.name != "manifest.json"]
    return max(data or files, key=lambda path: path.stat().st_size)


def one_of_each_maker(house: House) -> dict[str, str]:
    """The name of an artifact by its maker."""
    return {found.maker: name for name, found in artifacts(house.workspace).items()}


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Its data files."""
    skipped = ("manifest.json", ".verified.json")
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in skipped}


def everything_in(house: House) -> dict[str, tuple[int, int]]:
    """Sizes and times of all files, but of what a look at a database leaves beside it."""
    files = [path for path in house.workspace.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_a_whole_workspace_is_read_once_and_nothing_of_it_changes(house: House) -> None:
    before = everything_in(house)
    found = verified(house, DRY)
    assert (found.stays, found.became, found.notes, found.is_all) == (0, (), (), True)
    assert found.round.read[ARTIFACTS] == len(artifacts(house.workspace))
    assert {STATE, DATABASES, PLANS, ARTIFACTS, VERSIONS} <= found.round.read.keys()
    assert everything_in(house) == before
    assert found.sentence.endswith("all whole")


def harmed(house: House, stages: Collection[str], *, but: Collection[str] = ()) -> dict[str, dict[str, bytes]]:
    """Damage an artifact of each maker of some stages, unseen; by name the files that it had."""
    names = [name for maker, name in one_of_each_maker(house).items() if maker not in but]
    chosen = [name for name in names if name.partition("/")[0] in stages]
    before = {name: bytes_of(house.workspace / "artifacts" / name) for name in chosen}
    for name in chosen:
        path = largest(house.workspace / "artifacts" / name)
        flip_unseen(path) if path.name != "manifest.json" else misname_unseen(path)
    return before


def misname_unseen(manifest: Path) -> None:
    """Another name for its maker. (A flipped bit in the last digit of a number may leave the number what it was.)"""
    times, text = manifest.stat(), manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"maker": "', '"maker": "x', 1), encoding="utf-8")
    os.utime(manifest, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_what_a_night_makes_of_text_and_of_a_model_is_made_again_at_once_as_it_was(house: House) -> None:
    stages = ("ingest", "clean", "dedup", "scrub", "tokenize", "evaluate")
    before = harmed(house, stages)
    assert {one.damage.name for one in verified(house, DRY).became} == set(before)
    became = {one.damage.name: one for one in verified(house).became}
    assert became.keys() == before.keys()
    assert {name: one.became for name, one in became.items() if one.became != "made again"} == {}
    exact = {name for name in before if not name.startswith("evaluate")}  # those say how fast they were, too
    assert {name: bytes_of(house.workspace / "artifacts" / name) for name in exact} == {
        name: before[name] for name in exact
    }
    assert verified(house).stays == 0


def test_what_only_a_night_makes_is_left_to_it(house: House) -> None:
    before = harmed(house, ("train", "register"), but=("register.funnel",))
    became = {one.damage.name: one for one in verified(house).became}
    assert became.keys() == before.keys()
    assert {one.became for one in became.values()} == {"the next night makes it again: nightshift run"}, became
    any_night(settings_of(house))
    assert verified(house).stays == 0


def test_damage_that_nothing_needs_is_removed(house: House) -> None:
    workspace = Workspace(house.workspace)
    source = house.workspace / "artifacts" / next(iter(artifacts(house.workspace)))
    stray = source.with_name("f" * 32)
    shutil.copytree(source, stray)  # its manifest is that of another one
    (one,) = verified(house).became
    assert one.damage.name == f"{stray.parent.name}/{stray.name}"
    assert (one.is_whole, one.became) == (True, "removed: nothing needs it")
    assert not stray.exists()
    assert workspace.store.is_present(Ref(source.parent.name, source.name))


def test_what_is_needed_and_cannot_be_made_again_says_so_and_its_advice_helps(house: House) -> None:
    (house.corpus / "a_english.jsonl").write_text("", encoding="utf-8")
    made = [name for name, found in artifacts(house.workspace).items() if found.maker == "ingest.read"]
    places = [house.workspace / "artifacts" / name for name in made]
    place = next(place for place in places if "a_english.jsonl" in _files_in(place))
    backup = shutil.copytree(place, house.corpus.parent / "backup")
    flip_unseen(largest(place))
    (one,) = verified(house).became
    assert not one.is_whole
    assert one.place == place
    assert "Put it back from a backup, or delete its folder" in one.became
    shutil.rmtree(place)
    assert verified(house).stays == 0, "deleted, it is missed by nobody"
    shutil.copytree(backup, place)
    assert verified(house).stays == 0


def _files_in(shard: Path) -> list[str]:
    paths: list[str] = pq.read_table(shard / "files.parquet")["path"].to_pylist()
    return paths


def _pin(workspace: Path) -> Path:
    return next((workspace / "state" / "pins").glob("tokenizer-*.json"))


def _closed(workspace: Path) -> Path:
    return next((workspace / "state" / "closed").glob("*.json"))


def _ledger(workspace: Path) -> Path:
    return workspace / "state" / "promotions" / "promotions.jsonl"


def _tombstones(workspace: Path) -> Path:
    save_tombstones(workspace, [Tombstone("docs", "1" * 32, (), 1.0, purged=2.0)])
    return workspace / "state" / "forgotten.json"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def _torn(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"version": 7\n')


@pytest.mark.parametrize(
    ("place", "harm", "is_healed"),
    [
        (_closed, _cut, True),
        (_ledger, _torn, True),
        (_pin, _cut, False),
        (lambda root: root / "state" / "catalog.json", _cut, False),
        (_tombstones, _cut, False),
    ],
    ids=["closed batches", "a line of the ledger", "a pin that decides", "the catalog", "the tombstones"],
)
def test_state_that_is_damaged_is_put_in_order_or_named(
    house: House, place: Callable[[Path], Path], harm: Callable[[Path], None], is_healed: bool
) -> None:
    path = place(house.workspace)
    harm(path)
    assert verified(house, DRY).stays == 1
    (one,) = verified(house).became
    assert (one.damage.kind, one.is_whole) == (STATE, is_healed)
    if not is_healed:
        assert "Put it back from a copy" in one.damage.what
        path.unlink()
    assert verified(house).stays == 0


@pytest.mark.parametrize("name", ["mlflow.db", "state/promotions/mlflow.db", f"prefect/{DATABASE}"])
def test_databases_are_put_aside_and_copied_again(house: House, name: str) -> None:
    path = house.workspace / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    assert is_damaged(path)
    (one,) = verified(house).became
    assert (one.damage.kind, one.damage.name, one.is_whole) == (DATABASES, name, True)
    assert not is_damaged(path)
    assert is_intact(registry_in(house), 1)
    assert verified(house).stays == 0


def test_files_of_a_version_are_put_back_and_where_not_all_can_be_none_is_registered(house: House) -> None:
    registry = registry_in(house)
    package = files_of(registry, 1)
    flip_unseen(package / "model" / "model.safetensors")
    (one,) = verified(house).became
    assert (one.damage.kind, one.damage.name, one.is_whole) == (VERSIONS, "version 1", True)
    assert is_intact(registry, 1)
    flip_unseen(package / "model.sig")
    (one,) = verified(house).became
    assert not one.is_whole
    assert "nightshift promote 1 registers its model once more" in one.became
    assert one.damage.name == "version 1"


def test_plans_checkpoints_and_caches_heal_too(house: House, cache: Path) -> None:
    plan = next((house.workspace / "state" / "plans").glob("*"))
    part = house.workspace / "work" / "train" / ("1" * 32) / "trunk-phase" / "checkpoint-4"
    incoming = house.workspace / "work" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "model.safetensors").write_bytes(b"weights" * 100)
    part.parent.mkdir(parents=True)
    put(incoming, part)
    for path in (plan / "plan.json", part / "model.safetensors", next(cache.glob("*.npy"))):
        flip_unseen(path)
    found = {one.damage.kind: one for one in verified(house).became}
    assert found.keys() == {PLANS, PARTS, CACHES}
    assert all(one.is_whole for one in found.values()), found
    assert part.with_name("checkpoint-4.bad").is_dir()
    language_model.load_model()
    assert verified(house).stays == 0


def test_checkpoints_are_left_to_the_night_that_works_on_them(house: House) -> None:
    part = house.workspace / "work" / "train" / ("1" * 32) / "trunk"
    part.mkdir(parents=True)
    (part / "manifest.json").write_text("{}")
    with holder(Workspace(house.workspace)):
        found = verified(house, DRY)
    assert PARTS not in found.round.read
    assert any(PARTS in note for note in found.notes)


def test_a_call_that_is_killed_goes_on_where_it_was(house: House) -> None:
    name = next(iter(artifacts(house.workspace)))
    flip_unseen(largest(house.workspace / "artifacts" / name))  # among the first
    killed = verify_here(house, fail="keep:after_piece:25")
    assert killed.status < 0
    workspace = Workspace(house.workspace)
    ended = verify_here(house, "--json")
    told = json.loads(ended.out)
    assert (ended.status, told["is_all"]) == (0, True)
    assert told["damaged"][0]["name"] == name
    assert told["damaged"][0]["is_whole"]
    found = last_round(workspace)
    assert found is not None and found.ended is not None
    assert sum(told["read"].values()) == sum(found.read.values())


def test_many_short_calls_read_everything_once(house: House) -> None:
    whole = verified(house, DRY).round
    workspace = Workspace(house.workspace)
    calls = [verified(house, Wish(seconds=0.0)).round]
    while calls[-1].ended is None:
        calls.append(verified(house, Wish(seconds=0.1)).round)
        assert len(calls) < 100
    counts = [sum(call.read.values()) for call in calls]
    assert (counts[0], counts) == (0, sorted(counts))
    found = calls[-1]
    assert (found.read, found.num_bytes) == (whole.read, whole.num_bytes)
    assert found == last_round(workspace)
    assert verified(house, Wish(seconds=0.0)).round.read == {}  # a new round
    verified(house)
    again = verified(house, Wish(is_again=True)).round
    assert again.read == whole.read


def test_while_a_night_is_at_work_it_is_read_and_healed_the_next_time(house: House) -> None:
    chosen = one_of_each_maker(house)["clean.judge"]
    place = house.workspace / "artifacts" / chosen
    flip_unseen(largest(place))
    with holder(Workspace(house.workspace)):
        found = verified(house)
        assert found.stays == 1
        assert "another run is at work here" in found.became[0].became
    kept = last_round(Workspace(house.workspace))
    assert kept is not None and kept.ended is None
    found = verified(house)
    assert found.stays == 0
    assert found.round.read == kept.read  # nothing was read twice
    assert foreseen(settings_of(house)).is_nothing_new


def test_the_page_and_its_status_say_where_and_what_to_do(house: House) -> None:
    name = one_of_each_maker(house)["train.model"]
    place = house.workspace / "artifacts" / name
    flip(largest(place))
    looked = verify_here(house, "--dry-run")
    assert looked.status == DAMAGED
    assert str(place) in looked.out
    assert "nightshift verify heals what can be" in looked.out


def test_where_nothing_was_made_nothing_is_left_behind(empty_house: House) -> None:
    found = verified(empty_house)
    assert (found.stays, found.round.read.get(ARTIFACTS)) == (0, None)
    assert not empty_house.workspace.exists()


def test_a_server_of_mlflow_that_does_not_answer_leaves_its_versions_to_the_next_call(house: House) -> None:
    with socket.socket() as nobody:  # bound, and never listening
        nobody.bind(("127.0.0.1", 0))
        changes = {"register__tracking_uri": f"http://127.0.0.1:{nobody.getsockname()[1]}"}
        words = arguments(house.workspace, house.corpus, **FAST, **changes)
        assert run_here("verify", *words) == 4
    kept = last_round(Workspace(house.workspace))
    assert kept is not None
    assert (kept.ended, VERSIONS in kept.read) == (None, False)
    found = verified(house)
    assert (found.is_all, found.round.read[VERSIONS]) == (True, 1)
    assert found.round.read[ARTIFACTS] == kept.read[ARTIFACTS]


def test_what_is_kept_of_a_round_of_another_release_begins_a_new_one(house: House) -> None:
    workspace = Workspace(house.workspace)
    (workspace.state / "verify.json").write_text('{"begun": 1.0, "at": ["of another release", 0, "x"]}')
    assert last_round(workspace) is None
    assert isinstance(verified(house).round, Round)
