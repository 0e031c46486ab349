"""What a git repository holds at a revision, asked of the git program; nothing is checked out, nothing of it runs.

A repository is data here: no hook, filter, pager or transport of its own configuration is used, and what a partial
clone lacks is not fetched.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from pipeline_lib.base.errors import SettingsError, UpstreamError

ASK_SECONDS = 600
# It may belong to somebody else; we read objects alone.
SAFE = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "--no-replace-objects")
# No transport, whatever its configuration allows: a partial clone would fetch what it lacks, by any program it names.
QUIET = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
MAX_SAID_CHARS = 200
FILE_MODES = (b"100644", b"100755", b"100664")
LINK_MODE, MODULE_MODE = b"120000", b"160000"


class Entry(NamedTuple):
    """A line of the tree of a commit."""

    path: bytes
    mode: bytes
    blob: str
    num_bytes: int


def commit_of(repository: Path, revision: str) -> str:
    """The commit that a branch, tag or digest names. Raises `SettingsError` where there is none."""
    asked = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    return _asked(repository, *asked).decode().strip()


def tree_of(repository: Path, commit: str) -> Iterator[Entry]:
    """All files of a commit, in the order of their paths."""
    for line in _asked(repository, "ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0"):
        if line:
            about, _, path = line.partition(b"\t")
            mode, _, blob, size = about.split()
            yield Entry(path, mode, blob.decode(), int(size) if size.isdigit() else 0)


@contextmanager
def blobs_of(repository: Path) -> Iterator["Blobs"]:
    """The contents of blobs, asked one by one of one process."""
    child = subprocess.Popen(
        _command(repository, "cat-file", "--batch"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        yield Blobs(child)
    finally:
        child.kill()
        child.communicate()


class Blobs:
    """An open `git cat-file --batch`."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    def __getitem__(self, blob: str) -> bytes:
        """The content of a blob. Raises `KeyError` where the repository does not hold it."""
        asked, answers = self._pipes()
        try:
            asked.write(f"{blob}\n".encode())
            asked.flush()
        except BrokenPipeError as exc:
            raise UpstreamError("git ended while it was asked for files. Run again.") from exc
        head = answers.readline().split()
        if len(head) != 3 or head[1] != b"blob":
            raise KeyError(blob)
        content = answers.read(int(head[2]))
        answers.read(1)
        return content

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._child.stdin is not None and self._child.stdout is not None
        return self._child.stdin, self._child.stdout


def _asked(repository: Path, *asked: str) -> bytes:
    try:
        done = subprocess.run(
            _command(repository, *asked), capture_output=True, timeout=ASK_SECONDS, check=False, env=_environment()
        )
    except FileNotFoundError as exc:
        raise SettingsError("ingest: a git source needs the program git, which is not installed.") from exc
    except subprocess.TimeoutExpired as exc:
        raise UpstreamError(f"{repository}: git did not answer within {ASK_SECONDS} s. Run again.") from exc
    if done.returncode:
        said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or [""])[0][:MAX_SAID_CHARS]
        raise SettingsError(f"{repository}: git says: {said}. Correct `path` and `revision` of the source.")
    return done.stdout


def _command(repository: Path, *asked: str) -> Sequence[str]:
    return ["git", *SAFE, "-C", str(repository), *asked]


def _environment() -> dict[str, str]:
    """Ours without what points git elsewhere."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, **QUIET}
