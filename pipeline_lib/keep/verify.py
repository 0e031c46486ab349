"""Reading everything once, in an order that stays, from where it was cut off to its end or for a limited time.

    state/verify.json     the round: where it is, what it has read and what it found damaged

A round is saved every few seconds and when it is left, by whatever. The next call goes on behind the piece that was
read last: what is made meanwhile was digested when it was sealed, and counts for the next round. What seems damaged is
looked at twice, since a night may be putting something else in its place. Files are read with the lowest priority for
processor and disk (Linux), by threads: SHA-256 lets others work meanwhile.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

import psutil

from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.keep.pieces import KINDS, Piece
from pipeline_lib.store.files import readable
from pipeline_lib.store.records import read_comfort, write_comfort
from pipeline_lib.store.workspace import Seconds, Workspace

FILE = "verify.json"
SAVE_SECONDS = 2.0
AGAIN_SECONDS = 0.3  # before a second look: who replaces a folder takes less
AHEAD = 4  # pieces that wait for each thread
NICENESS = 10


@dataclass(frozen=True)
class Damage:
    """Something that is not what was written there."""

    kind: str
    name: str
    what: str


@dataclass(frozen=True)
class Round:
    """How far everything has been read."""

    begun: Seconds
    at: tuple[str, int, str] | None = None  # kind, order and name of the piece read last
    read: Mapping[str, int] = field(default_factory=dict)  # pieces, by kind
    num_bytes: int = 0
    damaged: tuple[Damage, ...] = ()
    ended: Seconds | None = None  # when all of it was read and healed as far as can be; None: it goes on
    before: Seconds | None = None  # when the round before this one ended

    @property
    def position(self) -> tuple[int, int, str]:
        """The key of the piece read last; one before all of them where there is none."""
        return (-1, 0, "") if self.at is None else (KINDS.index(self.at[0]), *self.at[1:])


def last_round(workspace: Workspace) -> Round | None:
    """The round that was begun last; None where none was, or nothing of it is understood."""
    found = read_comfort(workspace.state / FILE, Round)
    return found if found is None or found.at is None or found.at[0] in KINDS else None


def save_round(workspace: Workspace, found: Round) -> None:
    """Keep how far it is."""
    write_comfort(workspace.state / FILE, readable(asdict(found)).encode())


def round_to_read(workspace: Workspace, *, is_again: bool) -> Round:
    """The one that was cut off, or a new one."""
    found = last_round(workspace)
    if found is None:
        return Round(time.time())
    is_over = is_again or found.ended is not None
    return Round(time.time(), before=found.ended or found.before) if is_over else found


@dataclass(frozen=True)
class Progress:
    """How far a call is, for who watches."""

    kind: str
    num_bytes: int  # read by this call
    left_bytes: int
    seconds: float

    @property
    def seconds_left(self) -> float:
        """At the pace until now."""
        return self.left_bytes * self.seconds / self.num_bytes if self.num_bytes else 0.0


def read_on(
    pieces: Sequence[Piece],
    found: Round,
    *,
    threads: int,
    save: Callable[[Round], None],
    deadline: float | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
) -> tuple[Round, bool]:
    """Read what is left of a round, until `deadline` (monotonic); the round, and whether nothing is left.

    `save` is called on the way and whenever this is left. Raises `UpstreamError` where MLflow does not answer any more.
    """
    left = [piece for piece in pieces if piece.key > found.position]
    started, saved = time.monotonic(), time.monotonic()
    begun_bytes, left_bytes = found.num_bytes, sum(piece.num_bytes for piece in left)
    count = 0
    with ThreadPoolExecutor(threads, "verify", initializer=_step_back) as pool:
        try:
            for piece, fault in _in_order(pool, left, AHEAD * threads, deadline):
                found, count = _with(found, piece, fault), count + 1
                left_bytes -= piece.num_bytes
                now = time.monotonic()
                tell(Progress(piece.kind, found.num_bytes - begun_bytes, left_bytes, now - started))
                if now - saved >= SAVE_SECONDS:
                    save(found)
                    saved = now
                failpoint("keep", "after_piece")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            save(found)
    return found, count == len(left)


def _with(found: Round, piece: Piece, fault: str) -> Round:
    damaged = (*found.damaged, Damage(piece.kind, piece.name, fault)) if fault else found.damaged
    read = {**found.read, piece.kind: found.read.get(piece.kind, 0) + 1}
    at = (piece.kind, piece.order, piece.name)
    return replace(found, at=at, read=read, num_bytes=found.num_bytes + piece.num_bytes, damaged=damaged)


def _in_order(
    pool: ThreadPoolExecutor, pieces: Iterable[Piece], ahead: int, deadline: float | None
) -> Iterator[tuple[Piece, str]]:
    """Each piece with its fault, in their order, as long as there is time."""
    waiting: deque[tuple[Piece, Future[str]]] = deque()
    for piece in pieces:
        if deadline is not None and time.monotonic() >= deadline:
            break
        waiting.append((piece, pool.submit(fault_now, piece)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for piece, future in waiting:
        yield piece, future.result()


def fault_now(piece: Piece) -> str:
    """What is wrong with a piece at a second look, too; "" also where it went meanwhile."""
    if not piece.fault():
        return ""
    time.sleep(AGAIN_SECONDS)
    return piece.fault() if is_there(piece) else ""


def is_there(piece: Piece) -> bool:
    """Whether something still lies in its place."""
    return piece.place is None or os.path.lexists(piece.place)


def is_healed(piece: Piece) -> bool:
    """Whether it is whole by now, or gone."""
    return not is_there(piece) or not piece.fault()


def _step_back() -> None:
    """Let who works go first: this thread alone, as Linux has it."""
    if sys.platform == "linux":
        own = threading.get_native_id()
        with suppress(OSError, psutil.Error, ValueError):
            os.setpriority(os.PRIO_PROCESS, own, NICENESS)
            psutil.Process(own).ionice(psutil.IOPRIO_CLASS_IDLE)
