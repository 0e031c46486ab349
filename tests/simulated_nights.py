"""Small nights of the artifact layer on a simulated disk, and the laws that hold whatever happens to it.

    python -m tests.simulated_nights SEED      one seed again, with what befell it

A night takes in numbered parts of some documents, drops some of each with a reason, merges them without duplicates, and
writes down its batches, a pin and itself: the same calls of the store, the workspace and `execute` as in a real night.
The laws, after each cut or error, and again after a last night to which nothing happens:
    an artifact under its final name is whole, byte for byte, or is noticed and made again
    rows in = rows out + rows dropped; each document is in one batch, and once in what is merged
    state can be read; what was said to be done before a cut is done
    an error is one of ours; nothing stays under a temporary name
"""

import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import NightshiftError
from pipeline_lib.run.execute import execute
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.files import write_atomically
from pipeline_lib.store.workspace import Batch, Workspace, new_run
from tests.simulated_disk import Disk, Killed, PowerCut

NUM_PARTS = 3
FAULTS = ("cut", "cut", "cut", "kill", "enospc", "eio")


@dataclass(frozen=True)
class Twin:
    """A night to which nothing happens."""

    wanted: dict[str, bytes]  # by artifact and file what it holds
    num_calls: int  # of the disk: where a fault may come


@dataclass(frozen=True)
class Pinned:
    """What a night pins."""

    merged: Ref


def make_part(_: None, inputs: Inputs, folder: Path) -> Outcome:
    """Twenty documents, of which the odd ones in seven are dropped."""
    number = int(inputs.params["number"])
    there = [f"document {n}" for n in range(number * 15, number * 15 + 20)]
    kept = [text for n, text in enumerate(there) if n % 7]
    for name, lines in (("kept.txt", kept), ("inner/all.txt", there)):
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("w") as file:
            for line in lines:
                file.write(f"{line}\n")
    return Outcome(len(there), len(kept), {"seventh": len(there) - len(kept)})


def make_merged(_: None, inputs: Inputs, folder: Path) -> Outcome:
    """The documents of all parts, each once."""
    parts = [inputs.file(name, "kept.txt").read_text().splitlines() for name in sorted(inputs.named)]
    lines = [line for part in parts for line in part]
    once = list(dict.fromkeys(lines))
    (folder / "merged.txt").write_text("\n".join(once))
    return Outcome(len(lines), len(once), {"duplicate": len(lines) - len(once)})


PART = Maker("simulated.part", 1, "part.v1", make_part)
MERGED = Maker("simulated.merged", 1, "merged.v1", make_merged)


def parts() -> list[Work]:
    """The works of a night but the last."""
    return [Work(PART, params={"number": number}) for number in range(NUM_PARTS)]


def merged() -> Work:
    """The last one."""
    return Work(MERGED, inputs={f"part{number}": work.ref for number, work in enumerate(parts())})


def night(root: Path, run_id: str) -> None:
    """Do what is left to do."""
    workspace = Workspace(root)
    workspace.sweep()
    record = new_run(run_id, "nightly", "simulated")
    workspace.save_run(record)
    for work in parts():
        execute(work, root)
        batches = workspace.batches()
        if work.fingerprint not in {batch.fingerprint for batch in batches}:
            workspace.save_batches([*batches, Batch(len(batches) + 1, "docs", work.fingerprint)])
        workspace.beat(run_id)
    if not workspace.store.condition(merged().ref).is_present:
        workspace.drop_pin("merged")
    execute(merged(), root)
    workspace.save_pin("merged", Pinned(merged().ref))
    workspace.save_last("simulated", [work.fingerprint for work in parts()])
    workspace.save_run(record.ended_as("stopped", 0.0))
    write_atomically(root / "done", b"done")


def check(root: Path, wanted: dict[str, bytes], *, is_over: bool) -> None:
    """The laws. `is_over`: nothing may be left to do."""
    workspace = Workspace(root)
    for work in (*parts(), merged()):
        condition = workspace.store.condition(work.ref)
        if condition.is_present:
            found = workspace.store.open(work.ref.stage, work.fingerprint)
            assert {name: data for name, data in wanted.items() if name.startswith(work.fingerprint)} == {
                f"{work.fingerprint}/{entry.name}": found.file(entry.name).read_bytes()
                for entry in found.manifest.files
            }, f"{work.ref}: other bytes"
            manifest = found.manifest
            assert manifest.rows_in == manifest.rows_out + sum(manifest.dropped.values()), f"{work.ref}: rows"
        assert condition.is_present or not is_over, f"{work.ref}: {condition.reason}"
    batches = workspace.batches()
    names = [batch.fingerprint for batch in batches]
    assert len(set(names)) == len(names), "a batch is there twice"
    assert all(workspace.store.is_present(Ref("simulated", name)) for name in names), "a batch without its artifact"
    pinned = workspace.pin("merged", Pinned)
    assert pinned is None or workspace.store.is_present(pinned.merged), "a pin without its artifact"
    if is_over or (root / "done").exists():
        assert sorted(names) == sorted(work.fingerprint for work in parts()), "batches are missing"
        assert pinned == Pinned(merged().ref), "the pin is missing"
    if is_over:
        leftovers = [path for path in root.rglob("*") if path.name.endswith((".tmp", ".old"))]
        assert [*leftovers, *(root / "artifacts").glob(".incoming/*")] == [], "leftovers"
    workspace.runs()


def undisturbed(folder: Path) -> Twin:
    """A night to which nothing happens."""
    disk = Disk(folder / "workspace", folder / "graves")
    with disk.mounted():
        night(disk.root, "undisturbed")
    wanted = {}
    for work in (*parts(), merged()):
        found = Workspace(disk.root).store.open(work.ref.stage, work.fingerprint)
        wanted |= {f"{work.fingerprint}/{one.name}": found.file(one.name).read_bytes() for one in found.manifest.files}
    disk.close()
    return Twin(wanted, disk.num_calls)


def try_seed(seed: int, twin: Twin, folder: Path, *, lies: bool = False) -> list[str]:
    """Nights with one to three faults, each after what the one before left; what befell them.

    Raises `AssertionError`, or whatever else came of it, when a law is broken. `lies`: on a disk that does not flush.
    """
    seeded = random.Random(seed)
    jumps = [0.0]
    disk = Disk(folder / "workspace", folder / "graves", clock=lambda: _now() + jumps[-1], lies=lies)
    story = []
    for number in range(seeded.randint(1, 3)):
        fault, at = seeded.choice(FAULTS), seeded.randint(1, twin.num_calls)
        jumps.append(seeded.choice((0.0, 0.0, 86_400.0, -86_400.0)))
        disk.num_calls, disk.faults = 0, {at: fault}
        try:
            with disk.mounted():
                night(disk.root, f"run-{number}")
            story.append(f"night {number}: whole")
        except Killed:
            disk.go_on()
            story.append(f"night {number}: killed at call {at}")
        except PowerCut:
            disk.restart(seeded)
            story.append(f"night {number}: cut at call {at}")
        except NightshiftError as exc:
            story.append(f"night {number}: {fault} at call {at}, told as {type(exc).__name__}")
        disk.faults = {}
        check(disk.root, twin.wanted, is_over=False)
    with disk.mounted():
        night(disk.root, "last")
    check(disk.root, twin.wanted, is_over=True)
    disk.close()
    return story


def broken_by(seeds: range, *, lies: bool = False) -> dict[int, str]:
    """By seed what broke a law; none, where the laws hold. `python -m tests.simulated_nights SEED` tries one again."""
    memory = Path("/dev/shm")  # nothing here is to outlive the machine, and removing is what takes longest
    broken = {}
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as temporary:
        twin = undisturbed(Path(temporary) / "undisturbed")
        for seed in seeds:
            folder = Path(temporary) / str(seed)
            try:
                try_seed(seed, twin, folder, lies=lies)
            except Exception as exc:  # noqa: BLE001 - whatever is no error of ours is a fault
                broken[seed] = repr(exc)
            shutil.rmtree(folder, ignore_errors=True)
    return broken


_now = time.time

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        twin = undisturbed(Path(temporary) / "undisturbed")
        print("\n".join(try_seed(int(sys.argv[1]), twin, Path(temporary))))
