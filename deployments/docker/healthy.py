"""Health check of a container: ends with 0 when the address answers with 200 and with 1 otherwise.

The slim Python image has neither curl nor wget.
"""

import sys
import urllib.request

SECONDS = 4  # below the five seconds that Docker waits for a check


def is_healthy(url: str) -> bool:
    """Whether `url` answers with 200 in time."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1]) else 1)
