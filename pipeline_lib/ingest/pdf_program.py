"""The program that reads PDFs for a worker: PDFium is C++, and a file may be made to break it.

    worker -- (limits; the file, a file for the answer) --> this program -- fork --> a process for this one file

It is started by its path and imports nothing of the house, so that it is there in 0.2 s and holds 20 MB. Each file is
read by a fork of its own: whatever it does there, the next one begins in the same state. The fork has bounds on CPU
time (so that a run on a busy machine decides alike), on memory and on what it writes; it can open no file, not even a
font, so that the same bytes give the same text on each machine. It ends when the worker does.

The answer is JSON: {"pages": [text or null, ...], "num_mute": 0, "told": {"Title": ...}} or {"fault": "encrypted"}. A
page is mute that has text of which PDFium tells nothing, as of vertical lines in a font that the file does not hold.
"""

import codecs
import ctypes
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

REQUEST = struct.Struct("!QQQQ")  # characters and pages at most, seconds of CPU, bytes of memory
ANSWER = struct.Struct("!i")  # how the process ended, as `waitpid` says it
TOLD = ("Title", "Author", "CreationDate")
PR_SET_PDEATHSIG = 1
MAX_OBJECTS = 10_000  # of a page that are looked at for what they are
PASSWORD_ERRORS = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
NOT_UNICODE = "\ufffe"  # how one of PDFium's functions writes the hyphen that it has joined a word at
HYPHEN = "\x02"  # and how the other does


def serve(line: socket.socket) -> None:
    """Answer requests until the other end is closed."""
    while True:
        request, files, _, _ = socket.recv_fds(line, REQUEST.size, 2)
        if len(request) < REQUEST.size or len(files) != 2:
            return
        child = os.fork()
        if child == 0:
            line.close()
            _work(*files, *REQUEST.unpack(request))
        for file in files:
            os.close(file)
        line.sendall(ANSWER.pack(_wait(child, line)))


def _wait(child: int, line: socket.socket) -> int:
    """How the child ended; it is killed where the worker is gone."""
    with suppress(OSError, AttributeError):  # where there is none, a child outlives its worker by its bound on time
        ended = os.pidfd_open(child)
        readable, _, _ = select.select([ended, line.fileno()], [], [])
        os.close(ended)
        if line.fileno() in readable:
            os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _work(file: int, answer: int, max_chars: int, max_pages: int, cpu_seconds: int, memory_bytes: int) -> None:
    """Read one file and end the process."""
    status = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _bound(cpu_seconds, memory_bytes, 12 * max_chars + (1 << 20))  # JSON has six bytes for a character, or twelve
        with os.fdopen(file, "rb") as raw, os.fdopen(answer, "w", encoding="ascii") as out:
            json.dump(_read(raw, max_chars, max_pages), out)
        status = 0
    finally:
        os._exit(status)


def _bound(cpu_seconds: int, memory_bytes: int, answer_bytes: int) -> None:
    limits = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: answer_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    for kind, most in limits.items():
        try:
            resource.setrlimit(kind, (most, most + (kind == resource.RLIMIT_CPU)))
        except (ValueError, OSError):  # macOS has no bound on memory
            continue


def _read(raw: Any, max_chars: int, max_pages: int) -> dict[str, Any]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(raw)
    except pypdfium2.PdfiumError as exc:
        return {"fault": "encrypted" if exc.err_code in PASSWORD_ERRORS else "damaged"}
    if len(document) > max_pages:
        return {"fault": "pages"}
    pages: list[str | None] = []
    left, num_mute = max_chars, 0
    for number in range(len(document)):
        text, is_mute = _page(document, number)
        pages.append(text)
        num_mute += is_mute
        left -= len(text or "")
        if left < 0:
            return {"fault": "long"}
    return {"pages": pages, "num_mute": num_mute, "told": {name: _told(document, name) for name in TOLD}}


def _page(document: Any, number: int) -> tuple[str | None, bool]:
    """The text of a page, None where it cannot be loaded; and whether it has some and tells nothing."""
    import pypdfium2

    try:
        page = document[number]
        text = page.get_textpage()
        found: str = text.get_text_bounded()
        if not found.strip() and text.count_chars() > 0:  # a page whose box says nothing of where its text is
            found = text.get_text_range().replace(NOT_UNICODE, HYPHEN)
        is_mute = not found.strip() and text.count_chars() == 0 and _has_text(page)
        text.close()
        page.close()
        return found, is_mute
    except (pypdfium2.PdfiumError, AssertionError, ValueError):
        return None, False


def _has_text(page: Any) -> bool:
    import pypdfium2.raw as pdfium

    objects = (
        pdfium.FPDFPage_GetObject(page, at) for at in range(min(MAX_OBJECTS, pdfium.FPDFPage_CountObjects(page)))
    )
    return any(pdfium.FPDFPageObj_GetType(found) == pdfium.FPDF_PAGEOBJ_TEXT for found in objects)


def _told(document: Any, name: str) -> str:
    try:
        return str(document.get_metadata_value(name))
    except (ValueError, LookupError):
        return ""


def main() -> None:
    """`pdf_program.py DESCRIPTOR`, of a socket."""
    import pypdfium2  # noqa: F401 - loaded once, for all that are forked

    for name in ("utf-16-le", "ascii", "utf-8"):  # nothing can be opened any more when they are used
        codecs.lookup(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as line:
        serve(line)


if __name__ == "__main__":
    main()
