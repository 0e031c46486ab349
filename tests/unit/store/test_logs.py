"""Logs of servers have an end, also while somebody writes them."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_lib.store.logs import KEPT, rotate


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_full_log_goes_beside_and_the_oldest_one_goes(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    for turn in range(KEPT + 2):
        log.write_text(f"{turn}" * 100)
        assert rotate(log, most_bytes=100)
        assert log.read_text() == ""
    assert names(tmp_path) == ["server.log", "server.log.1", "server.log.2", "server.log.3"]
    assert [(tmp_path / f"server.log.{n}").read_text()[0] for n in (1, 2, 3)] == ["4", "3", "2"]


def test_a_log_that_is_not_full_or_not_there_stays(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert not rotate(log)
    log.write_text("short")
    assert not rotate(log)
    assert names(tmp_path) == ["server.log"]


def test_who_holds_the_log_open_goes_on_at_its_start(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    script = """import sys
for line in sys.stdin:
    print(line * 20, end="", flush=True)
    print("done", file=sys.stderr, flush=True)"""
    with log.open("ab") as out:
        writer = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, text=True
        )
    assert writer.stdin is not None and writer.stderr is not None
    with writer:
        for word in ("first\n", "second\n"):
            writer.stdin.write(word)
            writer.stdin.flush()
            writer.stderr.readline()
            assert rotate(log, most_bytes=100)
        writer.stdin.close()
    assert (tmp_path / "server.log.2").read_text() == "first\n" * 20
    assert (tmp_path / "server.log.1").read_text() == "second\n" * 20


def test_a_log_that_cannot_be_copied_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "server.log"
    log.write_text("x" * 100)

    def full(_source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline_lib.store.logs.shutil.copyfile", full)
    assert not rotate(log, most_bytes=100)
    assert log.read_text() == "x" * 100
    assert names(tmp_path) == ["server.log"]


def test_what_stands_in_the_way_of_an_older_log_stops_nobody(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("x" * 100)
    (tmp_path / "server.log.3" / "a folder").mkdir(parents=True)
    (tmp_path / "server.log.2").write_text("older")
    assert not rotate(log, most_bytes=100)
    assert log.read_text() == "x" * 100
    assert not (tmp_path / "server.log.new").exists()
