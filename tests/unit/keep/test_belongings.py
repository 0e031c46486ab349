"""What of a workspace is backed up, and what it is to be of one instant."""

import json
import threading
import time
from pathlib import Path

import pytest

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.keep.belongings import Found, at_one_instant, belongings
from pipeline_lib.keep.vault import MARKER
from pipeline_lib.store.files import write_atomically

HELD = (
    "artifacts/clean/0a/documents.parquet",
    "artifacts/clean/0a/manifest.json",
    "keys/signing.key",
    "mlartifacts/models/m-1/artifacts/poetry.lock",
    "mlartifacts/models/m-1/artifacts/.odd.tmp",
    "mlflow.db",
    "mlflow.db.20261129-120000",
    "prefect/auth_string",
    "prefect/prefect.db",
    "state/catalog.json",
    "state/runs/1.json",
    "of the user's own.txt",
)
LEFT_OUT = (
    ".mlflow.lock",
    "artifacts/.incoming/clean-0b/documents.parquet",
    "artifacts/clean/0a/.verified.json",
    "logs/prefect-server.log",
    "mlflow.db-wal",
    "prefect/.prefect.db.made",
    "prefect/.prefect.lock",
    "prefect/prefect.db-shm",
    "state/.catalog.json.4711.tmp",
    "state/backup.lock",
    "state/lock",
    "state/promotions/promotion.lock",
    "state/up.json",
    "state/up.lock",
    "work/train/0c/checkpoint-1/model.safetensors",
)


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def names_in(root: Path, below: str = "") -> list[str]:
    return [found.name for found in belongings(root, below)]


def test_what_is_of_no_use_elsewhere_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, *HELD, *LEFT_OUT)
    assert names_in(tmp_path) == sorted(HELD)
    assert names_in(tmp_path, "state") == ["state/catalog.json", "state/runs/1.json"]
    assert names_in(tmp_path, "mlflow.db") == ["mlflow.db"]
    assert names_in(tmp_path, "gone") == []


def test_only_what_servers_write_to_is_copied_as_a_database(tmp_path: Path) -> None:
    write(tmp_path, *HELD, "artifacts/ingest/0d/rows.db")
    databases = [found.name for found in belongings(tmp_path) if found.is_database]
    assert databases == ["mlflow.db", "prefect/prefect.db"]


def test_a_link_is_followed_but_not_nowhere_back_or_to_backups(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "w", tmp_path / "big disk"
    write(elsewhere, "models/m-1/weights")
    write(root, "state/catalog.json")
    (root / "mlartifacts").symlink_to(elsewhere)
    (root / "nowhere").symlink_to(tmp_path / "gone")
    (root / "round").symlink_to(root / "round")
    (root / "state" / "back").symlink_to(root)
    write(elsewhere, f"backups/{MARKER}", "backups/objects/3f/3f9c")
    assert names_in(root) == ["mlartifacts/models/m-1/weights", "state/catalog.json"]


def test_what_is_read_is_of_one_instant_while_somebody_writes(tmp_path: Path) -> None:
    """A writer counts in one file, then in the other: at no instant is the second one ahead, or two behind."""
    files, is_over = (tmp_path / "z_first.json", tmp_path / "a_second.json"), threading.Event()
    for path in files:
        write_atomically(path, b"0")

    def count() -> None:
        for number in range(1, 10_000):
            for path in files:
                write_atomically(path, json.dumps(number).encode())
                if is_over.wait(0.5):
                    return

    writer = threading.Thread(target=count)
    writer.start()
    try:
        for _ in range(5):
            kept: dict[str, int] = {}
            during: list[int] = []

            def read(found: Found, kept: dict[str, int] = kept) -> None:
                kept[found.name] = json.loads(found.path.read_bytes())
                time.sleep(0.02)

            def ended(during: list[int] = during) -> None:
                during.append(json.loads(files[0].read_bytes()))
                time.sleep(0.02)

            at_one_instant(lambda: belongings(tmp_path), read, ended, seconds=300)
            first, second = kept["z_first.json"], kept["a_second.json"]
            assert second in (first, first - 1)
            assert during[-1] == first
    finally:
        is_over.set()
        writer.join()


def test_a_file_that_goes_or_comes_meanwhile_is_right_in_the_end(tmp_path: Path) -> None:
    write(tmp_path, "goes", "stays")
    kept: dict[str, str] = {}

    def read(found: Found) -> None:
        (tmp_path / "goes").unlink(missing_ok=True)
        if not (tmp_path / "comes").exists():
            write(tmp_path, "comes")
        kept[found.name] = found.path.read_text()

    listed = at_one_instant(lambda: belongings(tmp_path), read, lambda: None, seconds=60)
    assert [found.name for found in listed] == ["comes", "stays"]
    assert {"comes", "stays"} <= kept.keys()


def test_a_state_that_never_stands_still_is_told(tmp_path: Path) -> None:
    write(tmp_path, "restless")
    with pytest.raises(UpstreamError, match="changes all the time"):
        at_one_instant(
            lambda: belongings(tmp_path), lambda found: found.path.write_text(str(time.time())), lambda: None, seconds=0
        )
