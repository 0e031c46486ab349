"""A program in a Python, and a process group, of its own: for what kills its group, or is limited by the system."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

Ended = subprocess.CompletedProcess[str]


def run_program(program: str, *words: object, max_file_bytes: int | None = None, **env: str) -> Ended:
    """Run it to its end, `words` in its sys.argv. A limit on the size of files is the nearest thing to a full disk."""

    def limit() -> None:
        if max_file_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **env},
        capture_output=True,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
        check=False,
    )
