"""The crawl's process in a world where names lead where a test says, each time they are asked for: [[addresses], ...].

python -m tests.named_hosts WORK_FOLDER        the names come from HOSTS_VARIABLE, as JSON
"""

import json
import os
import socket
import sys
from typing import Any

HOSTS_VARIABLE = "NIGHTSHIFT_TEST_HOSTS"
COMMAND = (sys.executable, "-m", "tests.named_hosts")


def install(names: dict[str, list[list[str]]]) -> None:
    """Let these names lead to their addresses: to the first list when they are asked for first, and so on."""
    real, asked = socket.getaddrinfo, dict.fromkeys(names, 0)

    def getaddrinfo(host: Any, port: Any, family: int = 0, kind: int = 0, *more: Any) -> Any:
        if host not in names:
            return real(host, port, family, kind, *more)
        answers = names[host]
        now = answers[min(asked[host], len(answers) - 1)]
        asked[host] += 1
        return [found for address in now for found in real(address, port, family, kind, *more)]

    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]


if __name__ == "__main__":
    install(json.loads(os.environ[HOSTS_VARIABLE]))
    from pipeline_lib.ingest.crawl.worker import main

    main()
