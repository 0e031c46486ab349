"""The key of the pseudonyms is in the environment of the command that was started with it, and of nothing it starts;
what a night writes is its owner's alone.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.access import auth_string
from tests.servers_up import Up, up, wait_until
from tests.tiny_night import KEY, House, arguments, environment, nightshift, write_corpus

NIGHT = [sys.executable, "-c", "from flows.cli import main; main()", "run"]
MANY_EPOCHS = "100"  # a training that lasts until it is stopped


def holders(family: list[psutil.Process]) -> list[str]:
    """The commands of those in whose environment the key stands.

    Between its fork and its exec a child is its parent in all, so who seems to have it is looked at a second time.
    """
    suspects = [process for process in family if _has_key(process)]
    time.sleep(0.5 if suspects else 0)
    return [" ".join(process.cmdline()) for process in suspects if _has_key(process)]


def _has_key(process: psutil.Process) -> bool:
    try:
        return KEY.encode() in Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:  # it has just ended
        return False


def readable_for_others(workspace: Path) -> list[Path]:
    """What of it others may read: texts, databases, logs, models."""
    return [
        path for path in (workspace, *workspace.rglob("*")) if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]


def test_in_a_night_no_process_but_the_command_has_the_key(tmp_path: Path) -> None:
    """Looked at all through a night, with its server, its pool and its training."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = arguments(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))
    night = subprocess.Popen(
        [*NIGHT, *words],
        env={**environment(), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    command, seen = psutil.Process(night.pid), set[int]()
    while night.poll() is None:
        children = command.children(recursive=True)
        assert holders(children) == []
        seen |= {child.pid for child in children}
        time.sleep(0.05)
    assert night.stdout is not None
    said = night.stdout.read().decode()
    assert night.returncode == 0, said
    assert "email 4" in said and len(seen) >= 6  # addresses were replaced, with a key
    assert readable_for_others(tmp_path / "workspace") == []
    assert list(temporary.iterdir()) == []  # and nothing stays among the temporary files


def test_under_nightshift_up_no_process_but_the_command_has_it(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    with up(
        tmp_path / "workspace", corpus, "--prefect-port", "0", "--mlflow-port", "0", train__num_epochs=MANY_EPOCHS
    ) as servers:
        servers.trigger("nightly")
        wait_until(lambda: any((tmp_path / "workspace" / "work" / "train").glob("*/metrics.jsonl")), 120)
        family = servers.family()
        assert len(holders(family[:1])) == 1 and holders(family[1:]) == []
        assert readable_for_others(tmp_path / "workspace" / "artifacts") == []
        _check_worker(servers)


def _check_worker(servers: Up) -> None:
    """One that is started by itself, for a server of one's own, does not have it either."""
    url, auth = f"{servers.prefect_url}/api", auth_string(servers.workspace)
    env = environment(PREFECT_API_URL=url, PREFECT_API_AUTH_STRING=auth)
    worker = psutil.Popen([*NIGHT[:-1], "worker"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(servers.prefect("/work_pools/nightshift/workers/filter", {})) == 2, 60)
        assert "prefect" in worker.cmdline() and holders([worker]) == []
    finally:
        worker.terminate()
        worker.wait(120)  # Prefect's worker ends its polls first, on a busy machine once after more than 30 s


@pytest.mark.parametrize("more", [{}, {"PREFECT_API_URL": "http://127.0.0.1:9/api"}])
def test_a_worker_without_a_server_says_what_to_do(more: dict[str, str]) -> None:
    ended = subprocess.run(
        [*NIGHT[:-1], "worker"], env=environment(**more), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 4 and "Set PREFECT_API_URL" in ended.stderr


def test_an_opened_workspace_is_closed_by_the_next_night_with_one_line(tmp_path: Path) -> None:
    words = arguments(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))
    assert nightshift("ingest", *words).status == 0
    for path in (tmp_path / "workspace", *(tmp_path / "workspace").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    second, third = (nightshift("ingest", *words) for _ in range(2))
    assert second.out.count("others could read this workspace (mode 0755); now only its owner can") == 1
    assert "others" not in third.out and readable_for_others(tmp_path / "workspace") == []


def test_what_is_exported_has_the_rights_that_the_user_gives_files(home: House, tmp_path: Path) -> None:
    ended = nightshift("export", "--to", str(tmp_path / "out"), *arguments(home.workspace, home.corpus))
    assert ended.status == 0, ended.err
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*") if path.is_file()} == {0o666 & ~umask}
