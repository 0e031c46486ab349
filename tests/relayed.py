"""A server seen through a relay that lets a number of requests pass, then takes connections and is silent."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from urllib.parse import urlsplit

METHODS = (b"GET ", b"POST ", b"PATCH ", b"PUT ", b"DELETE ", b"HEAD ")
CHUNK_BYTES = 65_536


class Relay:
    """Passes bytes both ways. A request is what begins with a method of HTTP."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.left: int | None = None  # None: all pass
        self.passed = self.in_vain = 0

    def run(self) -> None:
        """Until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._relay, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        self._listener.close()

    def _relay(self, client: socket.socket) -> None:
        with suppress(OSError):
            server = socket.create_connection(self._server)
            Thread(target=self._answers, args=(server, client), daemon=True).start()
            passes = True
            while chunk := client.recv(CHUNK_BYTES):
                passes = self._counts() if chunk.startswith(METHODS) else passes
                if passes:
                    server.sendall(chunk)

    def _counts(self) -> bool:
        """Whether one more request passes."""
        with self._lock:
            if self.left == 0:
                self.in_vain += 1
                return False
            self.passed += 1
            self.left = None if self.left is None else self.left - 1
            return True

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(CHUNK_BYTES):
                client.sendall(chunk)


@contextmanager
def relayed(url: str) -> Iterator[Relay]:
    """The relay before this server, while the block lasts."""
    relay = Relay(url)
    Thread(target=relay.run, daemon=True).start()
    yield relay
    relay.close()
