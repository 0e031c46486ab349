"""One file of a workspace is damaged, as disks and people do it, and then comes a night with new documents.

    python -m tests.corruptions SEED           one seed again, with what befell it

The laws:
    the night ends, or stops with an error that is ours and says what to do
    what stands under the name of an artifact afterwards is what an undisturbed night has there, byte for byte, or is
    noticed by who opens it
    a version that is in service has the files that were registered
"""

import contextlib
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact, NightshiftError
from pipeline_lib.register.opened import opened_champion
from pipeline_lib.register.registry import CHAMPION, aliases
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import MANIFEST, Manifest
from pipeline_lib.store.local import VERIFIED
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.job import SUMMARY_FILE
from tasks.moves import registry_for
from tests.model_nights import FAST, any_night, whole_night
from tests.tiny_night import KEY, House, copy_house, english, tiny_settings, write_corpus, write_lines

Damage = Callable[[Path, random.Random], None]
OF_A_PROCESS, NUM_PROCESSES = 25, 2
CLASSES = ("data", "manifest", "stamps", "state", "pin", "database", "package", "trunk", "key")


def flipped(path: Path, seeded: random.Random) -> None:
    """One bit is another one."""
    content = bytearray(path.read_bytes())
    if content:
        content[seeded.randrange(len(content))] ^= 1 << seeded.randrange(8)
    path.write_bytes(content)


def flipped_unseen(path: Path, seeded: random.Random) -> None:
    """The same, and no clock shows it."""
    times = path.stat()
    flipped(path, seeded)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def cut(path: Path, seeded: random.Random) -> None:
    """The end is missing."""
    os.truncate(path, seeded.randrange(max(1, path.stat().st_size)))


def blanked(path: Path, seeded: random.Random) -> None:
    """A block was never written: it is zeros."""
    content = bytearray(path.read_bytes())
    first = 512 * seeded.randrange(len(content) // 512 + 1)
    content[first : first + 512] = bytes(len(content[first : first + 512]))
    path.write_bytes(content)


def longer(path: Path, seeded: random.Random) -> None:
    """Something stands behind the end."""
    with path.open("ab") as file:
        file.write(seeded.randbytes(seeded.randrange(1, 600)))


def empty(path: Path, _: random.Random) -> None:
    """Nothing is left in it."""
    path.write_bytes(b"")


def gone(path: Path, _: random.Random) -> None:
    """It is not there."""
    path.unlink()


def a_folder(path: Path, _: random.Random) -> None:
    """A folder stands in its place."""
    path.unlink()
    path.mkdir()


def a_dead_link(path: Path, _: random.Random) -> None:
    """A link to nothing stands in its place."""
    path.unlink()
    path.symlink_to("nothing")


def of_another(path: Path, seeded: random.Random) -> None:
    """It is the file of that name from somewhere else."""
    root = next(folder for folder in path.parents if (folder / "artifacts").is_dir())
    others = sorted(other for other in root.rglob(path.name) if other.is_file() and other != path)
    if others:
        path.write_bytes(seeded.choice(others).read_bytes())
    else:
        flipped(path, seeded)


DAMAGES: Mapping[str, Damage] = {
    damage.__name__: damage
    for damage in (flipped, flipped_unseen, cut, blanked, longer, empty, gone, a_folder, a_dead_link, of_another)
}


@dataclass(frozen=True)
class Base:
    """A workspace behind one night, and what the next night makes of it when nobody disturbs it."""

    house: House  # with the documents of the next night
    wanted: Mapping[str, Mapping[str, str]]  # by artifact and file: SHA-256, of what each such night makes alike


def settings_of(house: House) -> Settings:
    """Those of all these nights."""
    return tiny_settings(house.workspace, house.corpus, **FAST)


def base_in(root: Path) -> Base:
    """Make it from nothing."""
    house = House(root / "workspace", write_corpus(root / "corpus"))
    whole_night(settings_of(house))
    return base_of(house, root)


def base_of(house: House, root: Path) -> Base:
    """Make it from a workspace behind a night; some ten seconds."""
    write_lines(house.corpus / "more.jsonl", {f"m{n}": english(5000 + n) for n in range(8)})
    first, second = (_undisturbed(house, root / name) for name in ("first", "second"))
    names = {name for name in first.keys() & second.keys() if not name.startswith("register")}  # numbers of versions
    alike = {name: dict(first[name].items() & second[name].items()) for name in names}
    for files in alike.values():
        files.pop(SUMMARY_FILE, None)  # names scores on a benchmark, which is another one where its pin is lost
    return Base(house, alike)


def _undisturbed(house: House, place: Path) -> dict[str, dict[str, str]]:
    """What the next night makes of it, in a copy."""
    twin = copy_house(house, place)
    whole_night(settings_of(twin))
    sums = {f"{found.ref.stage}/{found.fingerprint}": _sums(found) for found in _all_of(Workspace(twin.workspace))}
    shutil.rmtree(place)
    return sums


def broken_by(seeds: Iterable[int], base: Base) -> dict[int, str]:
    """The seeds that break a law, with what they break."""
    found = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            if what := broken(seed, base, Path(folder)):
                found[seed] = what
    return found


def broken_in_parts(seeds: range, base: Base) -> Iterator[tuple[range, dict[int, str]]]:
    """`broken_by` of many seeds, part by part as they are done, each part in a process of its own.

    MLflow keeps every database open that a process has used: a thousand workspaces in one process are slow, and do not
    fit.
    """
    parts = [seeds[first : first + OF_A_PROCESS] for first in range(0, len(seeds), OF_A_PROCESS)]
    with ProcessPoolExecutor(NUM_PROCESSES, get_context("spawn"), max_tasks_per_child=1) as pool:
        begun = {pool.submit(broken_by, part, base): part for part in parts}
        for ended in as_completed(begun):
            yield begun[ended], ended.result()


def broken(seed: int, base: Base, folder: Path) -> str:
    """What one seed breaks; "" when the laws hold."""
    seeded = random.Random(seed)
    house = copy_house(base.house, folder)
    kind = CLASSES[seed % len(CLASSES)]
    path = seeded.choice(files_of(kind, house.workspace))
    name = seeded.choice(sorted(DAMAGES))
    DAMAGES[name](path, seeded)
    what = f"{name}: {path.relative_to(house.workspace)}"
    try:
        any_night(settings_of(house))
    except NightshiftError as exc:
        if not str(exc).rstrip().endswith((".", ")")) or len(str(exc)) < 20:
            return f"{what}: an error without advice: {exc!r}"
    except Exception as exc:  # noqa: BLE001 - what a person would see as a traceback
        return f"{what}: {type(exc).__name__}: {exc}"
    return next((f"{what}: {law}" for law in _laws(house, base)), "")


def files_of(kind: str, workspace: Path) -> list[Path]:
    """The files of one kind, in order."""
    patterns = {
        "data": ["artifacts/*/*/**/*"],
        "manifest": [f"artifacts/*/*/{MANIFEST}"],
        "stamps": [f"artifacts/*/*/{VERIFIED}", "state/scan/*", "state/last/*"],
        "state": ["state/**/*"],
        "pin": ["state/pins/*"],
        "database": ["mlflow.db*", "state/**/*.db"],
        "package": ["mlartifacts/**/*"],
        "trunk": ["artifacts/train/*/trunk/*"],
        "key": ["keys/*"],
    }
    found = {path for pattern in patterns[kind] for path in workspace.glob(pattern) if path.is_file()}
    own = (MANIFEST, VERIFIED)
    return sorted(path for path in found if kind not in ("data", "trunk") or path.name not in own)


def _laws(house: House, base: Base) -> Iterable[str]:
    """The laws that are broken."""
    for found in _all_of(Workspace(house.workspace)):
        name = f"{found.ref.stage}/{found.fingerprint}"
        if not base.wanted.get(name, {}).items() <= _sums(found).items():
            yield f"{name} is another one"
    registry = registry_for(settings_of(house))
    with contextlib.suppress(NightshiftError):  # said by who asks
        number = aliases(registry).get(CHAMPION)
        if number is not None:
            with opened_champion(registry, number):
                pass


def _all_of(workspace: Workspace) -> list[Manifest]:
    """The manifests of all artifacts that who opens them takes for whole."""
    found = []
    for folder in sorted(workspace.store.root.glob("[!.]*/[0-9a-f]*")):
        with contextlib.suppress(DamagedArtifact):
            found.append(workspace.store.open(folder.parent.name, folder.name).manifest)
    return found


def _sums(manifest: Manifest) -> dict[str, str]:
    return {entry.name: entry.sha256 for entry in manifest.files}


def main(seed: int) -> int:
    """One seed again."""
    os.environ["NIGHTSHIFT_SCRUB_KEY"] = KEY
    with tempfile.TemporaryDirectory() as folder:
        base = base_in(Path(folder) / "base")
        what = broken(seed, base, Path(folder) / "seed")
    print(what or "the laws hold")
    return int(bool(what))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
