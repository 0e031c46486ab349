"""A Prefect server of ours asked by plain requests: Prefect itself takes seconds to load, and waits long for one that
is gone.
"""

import copy
import json
import time
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException
from typing import Any

from flows.access import basic

# What asking may raise; the last three where something else listens there, and answers what was not asked for.
ODD_ANSWERS = (OSError, HTTPException, ValueError, LookupError, TypeError)


class Asked:
    """A server of this machine that is asked for so many seconds in all, counted from `begin`."""

    def __init__(self, api_url: str, auth: str, *, seconds: float) -> None:
        self._api_url, self._seconds = api_url, seconds
        self._headers = {**basic(auth), "content-type": "application/json"}
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self._ends_at = time.monotonic() + self._seconds

    def for_longer(self, seconds: float) -> "Asked":
        """The same server, with its token, for so many seconds from now on."""
        other = copy.copy(self)
        other._seconds = seconds
        other.begin()
        return other

    @property
    def seconds_left(self) -> float:
        """How long it is still waited for."""
        return max(0.0, self._ends_at - time.monotonic())

    def take_token(self) -> None:
        """The server takes changes only from who has asked it for a token first."""
        client = str(uuid.uuid4())
        try:
            token = self.send("GET", f"csrf-token?client={client}")["token"]
        except urllib.error.HTTPError as exc:
            if exc.code != 422:  # it asks for none
                raise
            return
        self._headers |= {"prefect-csrf-client": client, "prefect-csrf-token": token}

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """What the server answers; None for nothing. Raises one of `ODD_ANSWERS`."""
        data = None if body is None else json.dumps(body).encode()
        left = self.seconds_left
        if left == 0:
            raise TimeoutError
        request = urllib.request.Request(f"{self._api_url}/{path}", data, self._headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
        with opener.open(request, timeout=left) as answer:
            return json.loads(answer.read() or b"null")
