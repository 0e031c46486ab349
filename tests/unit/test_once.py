"""What is made once a session: by one of several processes, after a failed try again, and unchanged until the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.once import changed_since, made_once

# A session of two workers, one file each; both ask for what the first of them makes.
CONFTEST = """
import time
from pathlib import Path
import pytest
from tests.once import changed_since, made_once

def make(root):
    with (Path(__file__).parent / "calls").open("a") as calls:
        calls.write("x")
    time.sleep(1)
    (root / "night").write_text("whole")

@pytest.fixture(scope="session")
def night(tmp_path_factory):
    root = made_once(tmp_path_factory, "finished", make)
    yield root
    assert changed_since(root) == []
"""
TEST = """
def test_it(night):
    assert (night / "night").read_text() == "whole"
"""


def run_session(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """pytest over two files that ask for the night."""
    folder.mkdir()
    (folder / "conftest.py").write_text(CONFTEST)
    for name in ("test_a.py", "test_b.py"):
        (folder / name).write_text(TEST)
    command = [sys.executable, "-m", "pytest", str(folder), "-c", "/dev/null", "-p", "no:cacheprovider", *words]
    root = Path(__file__).parents[2]
    return subprocess.run(
        [*command, f"--basetemp={folder / 'tmp'}"], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("words", [("-n", "2", "--dist", "loadfile"), ()], ids=["two workers", "one process"])
def test_it_is_made_once_however_many_processes_ask(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_session(tmp_path / "session", *words)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "session" / "calls").read_text() == "x"


@pytest.fixture
def factory(tmp_path: Path) -> pytest.TempPathFactory:
    """Temporary folders of a session of its own."""
    return pytest.TempPathFactory(tmp_path / "own", 1, "all", lambda *_: None, _ispytest=True)


def test_what_a_failed_try_left_is_removed_before_the_next_one(factory: pytest.TempPathFactory) -> None:
    def fail(root: Path) -> None:
        (root / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        made_once(factory, "night", fail)
    root = made_once(factory, "night", lambda root: (root / "whole").touch())
    assert [path.name for path in root.iterdir()] == ["whole"]


@pytest.mark.parametrize("change", ["write", "add", "remove", "touch"])
def test_any_change_is_noticed(factory: pytest.TempPathFactory, change: str) -> None:
    root = made_once(factory, "night", lambda root: (root / "file").write_text("a"))
    assert changed_since(root) == []
    path = root / "file"
    match change:
        case "write":
            path.write_text("bb")
        case "add":
            (root / "new").touch()
        case "remove":
            path.unlink()
        case "touch":
            os.utime(path, (0, 0))
    assert changed_since(root) == ["new" if change == "add" else "file"]
