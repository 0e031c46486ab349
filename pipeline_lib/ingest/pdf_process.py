"""The process in which this one has PDFs read, started with the first of them: see pdf_program.py.

It gets no environment, so no key and no password, and two open files for each request. One serves all files of a
worker.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.base.leaving import at_the_end
from pipeline_lib.ingest import pdf_program
from pipeline_lib.ingest.pdf_program import ANSWER, REQUEST
from pipeline_lib.ingest.records import MIB, Unreadable

CPU_SECONDS = 60  # some 10,000 pages
WALL_SECONDS = 1_200.0  # far beyond: who waits for so long is on a machine that stands still
MEMORY_BYTES = 256 * MIB  # of address space, beside what the text may take; the program itself takes 27
MAX_PAGES = 10_000

TOO_LONG = "PDF takes too long"
CRASH = "PDF crashes its reader"  # also where it needs more memory: PDFium ends itself then

_lock = threading.Lock()
_running: list["_Process"] = []  # one at most


def pages_of(file: IO[bytes], max_chars: int) -> dict[str, Any]:
    """What is in an open PDF: `pages` (None for one that cannot be read) and `told`, or a `fault`.

    Raises `Unreadable` for a file that breaks its reader or its bounds, and `UpstreamError` where there is no reader.
    """
    request = REQUEST.pack(max_chars, MAX_PAGES, CPU_SECONDS, MEMORY_BYTES + 8 * max_chars)
    with _lock, TemporaryFile() as answer:
        status = _asked(request, file, answer)
        if status is None:  # it was killed while it had nothing to do, or with the thread that had started it
            status = _asked(request, file, answer)
        if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            raise UpstreamError(
                "ingest: the process that reads PDF was killed, or did not start. Free memory and run again; if it "
                "happens again, `python -c 'import pypdfium2'` says what is missing."
            )
        _raise_for(status)
        answer.seek(0)
        found: dict[str, Any] = json.load(answer)
        return found


def _raise_for(status: int) -> None:
    """Raise `Unreadable` unless the file was read."""
    if os.WIFSIGNALED(status):
        raise Unreadable(TOO_LONG if os.WTERMSIG(status) == signal.SIGXCPU else CRASH, num_rows=1)
    if status:
        raise Unreadable(CRASH, num_rows=1)


class _Process:
    """The program and our end of the line to it."""

    def __init__(self) -> None:
        self.line, other = socket.socketpair()
        self.line.settimeout(WALL_SECONDS)
        command = [sys.executable, "-E", "-P", str(Path(pdf_program.__file__).resolve()), str(other.fileno())]
        with other:
            self.child = subprocess.Popen(
                command,
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                start_new_session=True,
            )

    def end(self) -> None:
        """End it and what it has forked, which is of its group."""
        self.line.close()
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def _asked(request: bytes, file: IO[bytes], answer: IO[bytes]) -> int | None:
    """How the reading process ended; None where nobody answered."""
    process = _started()
    try:
        file.seek(0)
        socket.send_fds(process.line, [request], [file.fileno(), answer.fileno()])
        said = process.line.recv(ANSWER.size, socket.MSG_WAITALL)
    except OSError:  # also a time-out
        said = b""
    if len(said) == ANSWER.size:
        return int(ANSWER.unpack(said)[0])
    stop()
    return None


def _started() -> _Process:
    if not _running:
        _running.append(_Process())
        at_the_end(stop)
    return _running[0]


def stop() -> None:
    """End the process, if there is one; the next PDF starts another."""
    while _running:
        _running.pop().end()
