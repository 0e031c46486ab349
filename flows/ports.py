"""Ports that are ours before a server of ours listens on them."""

import errno
import socket
import sys
from dataclasses import dataclass

from pipeline_lib.base.errors import UpstreamError

HOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"


@dataclass(frozen=True)
class Port:
    """A port of this machine that is ours before our server listens there: a socket of ours is bound to it.

    A port that was merely found free may be given to the next one who asks, or to a connection that goes out. On Linux
    two sockets that both allow it (SO_REUSEADDR, as our servers do) may be bound to a port on which nobody listens:
    ours stays, and the system gives the port to nobody else. It would let the next `nightshift up` be bound there, too,
    so a name in the system's abstract namespace says whose it is. Elsewhere they may not, so there it is let go.
    """

    number: int
    holder: socket.socket
    claim: socket.socket | None = None  # ends with its process, as the holder does

    def release(self) -> None:
        """Give it back."""
        self.holder.close()
        if self.claim is not None:
            self.claim.close()


def bound(name: str) -> str:
    """The address on which a server listens that browsers call by this name."""
    return HOST if name == HOST else EVERYWHERE


def hold_port(wanted: int = 0, address: str = HOST) -> Port:
    """The wanted port if nobody listens there or holds it, else any free one; ours until it is released. 0: any one."""
    for candidate in (wanted, 0):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that we left a minute ago is free
        try:
            holder.bind((address, candidate))
            number = int(holder.getsockname()[1])
            if sys.platform == "linux":
                return Port(number, holder, _claim(number))
        except OSError:  # somebody listens there, or claims it
            holder.close()
            continue
        port = Port(number, holder)
        port.release()  # there its server could not listen on it while we are bound to it
        return port
    raise UpstreamError("no free port on this machine. Close some programs and run again.")


def _claim(number: int) -> socket.socket | None:
    """What nobody else has while it is open; None where the system allows no such name.

    Raises `OSError` where somebody has it.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0nightshift-port-{number}")
    except OSError as exc:
        claim.close()
        if exc.errno == errno.EADDRINUSE:
            raise
        return None
    return claim
